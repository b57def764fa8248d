use super::*;

#[test]
fn the_table_is_in_the_order_of_its_metrics_and_names_each_once() {
    for (at, definition) in METRICS.iter().enumerate() {
        assert_eq!(definition.metric as usize, at, "{}", definition.head.name);
    }
    let mut names: Vec<&str> = METRICS.iter().map(|definition| definition.head.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), METRICS.len());
}

#[test]
fn a_function_that_invents_triggers_gets_no_series_for_each() {
    let mut metrics = Metrics::new(Temporality::Delta);
    for number in 0..100 {
        metrics.count(Metric::Invocations, &number.to_string());
    }
    assert_eq!(metrics.series.len(), MOST_TRIGGERS + 1);
    let other = metrics.series.iter().find(|(name, _)| **name == *OTHER).unwrap();
    assert!(matches!(other.1[Metric::Invocations as usize], Some(Sum::Counter(84))));
}

#[test]
fn a_metric_is_recorded_only_as_what_it_is() {
    let mut metrics = Metrics::new(Temporality::Delta);
    metrics.record(Metric::InvokeDuration, "http", f64::NAN);
    metrics.duration(Metric::InvokeDuration, "http", None);
    metrics.duration(Metric::InvokeDuration, "http", Some(1_500_000_000));
    let Some(Sum::Histogram(histogram)) = &metrics.series[0].1[Metric::InvokeDuration as usize] else {
        panic!("a histogram")
    };
    assert_eq!(format!("{histogram:?}").matches("sum: 1.5").count(), 1);
}
