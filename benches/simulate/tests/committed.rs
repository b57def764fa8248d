//! The committed page is what the command writes: a few shapes, small enough for every test run, are simulated again.

use spanlayer_simulate::{fleet, report, shape::SHAPES, strategy::Strategy};

#[test]
fn the_tables_of_the_page_are_what_the_simulation_says() {
    let page = include_str!("../../../docs/scale.md");
    for name in ["rare", "bursty", "now and then", "cron, minute"] {
        let shape = SHAPES.iter().find(|shape| shape.name == name).unwrap();
        let arrivals = shape.arrivals(1);
        let figures =
            Strategy::ALL.iter().map(|strategy| fleet::run(shape, &arrivals, *strategy, 1)).collect();
        let table = report::Result { shape, figures }.table();
        assert!(page.contains(&table), "docs/scale.md is out of date (`make simulate`):\n{table}");
    }
}

#[test]
fn the_page_has_every_shape_and_can_be_written_again() {
    let page = include_str!("../../../docs/scale.md");
    assert!(SHAPES.iter().all(|shape| page.contains(&format!("### {}\n", shape.name))));
    let reread = report::replace(page, "x").unwrap();
    assert!(reread.contains("make simulate: to here"));
}
