//! Files with `routing`, run: every item at exactly one place, and nobody's at another's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod world;

use spanlayer_pipeline::{
    Admission, Deadline, Memory, Outcome, Settings, Signal, SignalTotals, Spool,
    letters::{Letters, Part, Pile},
};
use std::time::Duration;
use world::World;

/// A pipeline for each of these, with a destination of its own; and one before them.
fn routed(signal: &str, routing: &str, before: &str, names: &[&str]) -> World {
    let pipeline =
        |name: &&str| format!("{signal}/{name}: {{receivers: [routing], exporters: [debug/{name}]}}");
    let pipelines: Vec<String> = names.iter().map(pipeline).collect();
    let exporters: Vec<String> = names.iter().map(|name| format!("debug/{name}: ")).collect();
    World::new(
        &format!("processors: {{{before}}}\nconnectors: {{routing: {{{routing}}}}}"),
        &format!(
            "{signal}/in: {{receivers: [otlp], processors: [{}], exporters: [routing]}}, {}",
            before.split(':').next().unwrap(),
            pipelines.join(", ")
        ),
        &exporters.join(", "),
    )
}

const TENANTS: &str = "table: [{condition: 'attributes[\"tenant\"] == \"a\"', pipelines: [traces/a]}, \
                       {statement: 'route() where attributes[\"tenant\"] == \"b\"', pipelines: [traces/b]}]";

/// Spans of tenants, a resource each.
fn tenants(of: &[(&str, &[&str])]) -> String {
    let resource = |(tenant, names): &(&str, &[&str])| {
        let spans: Vec<String> = names
            .iter()
            .map(|name| {
                format!(
                    r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060701","name":"{name}"}}"#
                )
            })
            .collect();
        format!(
            r#"{{"resource":{{"attributes":[{{"key":"tenant","value":{{"stringValue":"{tenant}"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}"#,
            spans.join(",")
        )
    };
    let resources: Vec<String> = of.iter().map(resource).collect();
    format!(r#"{{"resourceSpans":[{}]}}"#, resources.join(","))
}

fn totals(world: &World, signal: Signal) -> SignalTotals {
    *world.pipeline.stats().signal(signal)
}

#[tokio::test(start_paused = true)]
async fn a_tenants_spans_go_to_its_own_destination_and_those_of_nobody_where_the_file_says() {
    let table = format!("{TENANTS}, default_pipelines: [traces/rest]");
    let world = routed("traces", &table, "", &["a", "b", "rest"]);
    let all: [(&str, &[&str]); 4] = [("a", &["a1", "a2"]), ("b", &["b1"]), ("c", &["c1"]), ("a", &["a3"])];
    assert_eq!(world.accept(Signal::Traces, &tenants(&all)), Admission::Accepted);
    let delivered = world.delivered(Signal::Traces).await;
    for (to, own) in ["a", "b", "c"].into_iter().enumerate() {
        for (tenant, names) in all {
            for name in names {
                let times = delivered[to].matches(&format!("\"{name}\"")).count();
                assert_eq!(times, usize::from(tenant == own), "{name} at the destination of {own}");
            }
            assert_eq!(delivered[to].contains(&format!("\"stringValue\":\"{tenant}\"")), tenant == own);
        }
    }
    let counted = totals(&world, Signal::Traces);
    assert_eq!((counted.accepted, counted.filtered, counted.unrouted), (5, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_no_row_takes_goes_nowhere_without_a_default_and_is_counted() {
    let world = routed("traces", TENANTS, "", &["a", "b"]);
    world.accept(Signal::Traces, &tenants(&[("c", &["c1", "c2"]), ("b", &["b1"])]));
    world.accept(Signal::Traces, &tenants(&[("c", &["c3"])]));
    let delivered = world.delivered(Signal::Traces).await;
    assert!(delivered[0].is_empty() && delivered[1].contains("b1") && !delivered[1].contains("\"c"));
    let counted = totals(&world, Signal::Traces);
    assert_eq!((counted.accepted, counted.filtered, counted.unrouted), (1, 0, 3));
    assert!(world.pipeline.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn single_spans_are_split_out_and_what_was_left_out_before_is_counted_once() {
    let table = "default_pipelines: [traces/rest], table: [{context: span, condition: 'name == \"x\"', pipelines: [traces/a]}, \
                 {context: resource, condition: 'attributes[\"tenant\"] == \"b\"', pipelines: [traces/b]}]";
    let filter = "filter: {traces: {span: ['name == \"noise\"']}}";
    let world = routed("traces", table, filter, &["a", "b", "rest"]);
    // The second resource has nothing that the first row takes, and the third nothing at all.
    let all: [(&str, &[&str]); 3] =
        [("b", &["x", "y", "noise"]), ("secret", &["z", "noise"]), ("empty", &[])];
    world.accept(Signal::Traces, &tenants(&all));
    let delivered = world.delivered(Signal::Traces).await;
    let names = |to: usize| ["x", "y", "z"].map(|name| delivered[to].matches(&format!("\"{name}\"")).count());
    assert_eq!([names(0), names(1), names(2)], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
    assert!(!delivered[0].contains("secret") && !delivered[0].contains("empty"), "{}", delivered[0]);
    assert!(!delivered[1].contains("secret") && !delivered[1].contains("empty"), "{}", delivered[1]);
    let counted = totals(&world, Signal::Traces);
    assert_eq!((counted.accepted, counted.filtered, counted.unrouted), (5, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn data_points_and_log_records_are_split_as_well() {
    let table = |context: &str, condition: &str, signal: &str| {
        format!(
            "default_pipelines: [{signal}/rest], table: [{{context: {context}, condition: '{condition}', pipelines: [{signal}/a]}}]"
        )
    };
    let of = table("datapoint", "attributes[\"k\"] == \"a\"", "metrics");
    let world = routed("metrics", &of, "", &["a", "rest"]);
    let point =
        |k: &str| format!(r#"{{"asInt":"1","attributes":[{{"key":"k","value":{{"stringValue":"{k}"}}}}]}}"#);
    let (a, b) = (point("a"), point("bb"));
    let metrics = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"both","gauge":{{"dataPoints":[{a},{b}]}}}},
        {{"name":"other","gauge":{{"dataPoints":[{b}]}}}},{{"name":"hollow"}}]}}]}}]}}"#
    );
    world.accept(Signal::Metrics, &metrics);
    let delivered = world.delivered(Signal::Metrics).await;
    assert!(delivered[0].contains("\"a\"") && !delivered[0].contains("bb"), "{}", delivered[0]);
    assert!(!delivered[0].contains("other") && !delivered[0].contains("hollow"), "{}", delivered[0]);
    assert!(
        !delivered[1].contains("\"a\"") && delivered[1].matches("\"bb\"").count() == 2,
        "{}",
        delivered[1]
    );
    assert_eq!(totals(&world, Signal::Metrics).accepted, 3);

    let of = table("log", "severity_number >= SEVERITY_NUMBER_ERROR", "logs");
    let world = routed("logs", &of, "", &["a", "rest"]);
    let record =
        |number: u8| format!(r#"{{"severityNumber":{number},"body":{{"stringValue":"at {number}"}}}}"#);
    let logs =
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{},{}]}}]}}]}}"#, record(9), record(17));
    world.accept(Signal::Logs, &logs);
    let delivered = world.delivered(Signal::Logs).await;
    assert!(delivered[0].contains("at 17") && !delivered[0].contains("at 9"));
    assert!(delivered[1].contains("at 9") && !delivered[1].contains("at 17"));
}

#[tokio::test(start_paused = true)]
async fn with_propagate_nobody_gets_a_payload_that_a_row_cannot_be_asked_about() {
    for (mode, left) in [("propagate", 0), ("silent", 3)] {
        let table = format!(
            "error_mode: {mode}, default_pipelines: [traces/b], table: [{{context: span, condition: 'name == \"x\"', pipelines: [traces/a]}}, \
             {{context: span, condition: 'Substring(name, 5, 9) == \"n\"', pipelines: [traces/b]}}]"
        );
        let world = routed("traces", &table, "", &["a", "b"]);
        world.accept(Signal::Traces, &tenants(&[("a", &["x", "y", "z"])]));
        world.delivered(Signal::Traces).await;
        let items = |memory: &Memory| memory.batches().iter().map(|batch| batch.items()).sum::<usize>();
        let counted = totals(&world, Signal::Traces);
        assert_eq!(world.memories.iter().map(items).sum::<usize>(), left, "{mode}");
        assert_eq!((counted.accepted, counted.filtered), (3, 3 - left as u64), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobodys_spans_reach_another_also_when_its_own_is_down_after_crashes_and_among_dead_letters() {
    let place = std::env::temp_dir().join(format!("spanlayer-tenants-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).unwrap();
    let letters = place.join("letters");
    // Each process is a new one that has the files of the one before, and its exporters in another order.
    let process = |names: [&str; 2]| {
        let down = |name: &str| match name {
            "debug/a" => Memory::always(Outcome::retry("it is down")),
            _ => Memory::new(),
        };
        let pipeline = |name| format!("traces/{name}: {{receivers: [routing], exporters: [debug/{name}]}}");
        let mut settings = Settings::default();
        settings.spool = Some(Spool::at(place.join("spool"), 16 << 20));
        settings.letters = Letters::File(letters.clone());
        World::with(
            &format!("connectors: {{routing: {{{TENANTS}}}}}"),
            &format!(
                "traces/in: {{receivers: [otlp], exporters: [routing]}}, {}, {}",
                pipeline(names[0]),
                pipeline(names[1])
            ),
            &format!("debug/{}: , debug/{}: ", names[0], names[1]),
            down,
            settings,
        )
    };
    let soon = || Deadline::within(Duration::from_secs(2));
    let mut all_of_b = String::new();
    for (turn, names) in [["a", "b"], ["b", "a"], ["a", "b"]].into_iter().enumerate() {
        let world = process(names);
        world.pipeline.recover().await;
        let (a, b) = (format!("for-a-{turn}"), format!("for-b-{turn}"));
        let (late, unsent) = (format!("late-a-{turn}"), format!("late-b-{turn}"));
        world.accept(Signal::Traces, &tenants(&[("a", &[&a]), ("b", &[&b])]));
        let delivered = world.delivered(Signal::Traces).await;
        let own = usize::from(names[1] == "b");
        assert!(delivered[1 - own].is_empty(), "it is down: {}", delivered[1 - own]);
        assert!(!delivered[own].contains("-a-"), "{}", delivered[own]);
        all_of_b.push_str(&delivered[own]);
        if turn < 2 {
            // Accepted, and lost with the process but for its files.
            world.accept(Signal::Traces, &tenants(&[("b", &[&unsent]), ("a", &[&late])]));
            continue;
        }
        let report = world.pipeline.shutdown(soon()).await;
        assert_eq!((report.dead_lettered, report.lost.len(), report.spooled.len()), (5, 0, 0));
    }
    for name in ["for-b-0", "late-b-0", "for-b-1", "late-b-1", "for-b-2"] {
        assert_eq!(all_of_b.matches(&format!("\"{name}\"")).count(), 1, "{name}: {all_of_b}");
    }
    let text = std::fs::read_to_string(&letters).unwrap();
    let mut pile = Pile::default();
    text.lines().filter_map(Part::find).for_each(|part| pile.add(part.unwrap()));
    let found = pile.sort().0;
    assert!(!found.is_empty());
    let mut items = 0;
    for letter in found {
        let request = letter.batch().unwrap().request();
        let json = spanlayer_otlp::json::from_protobuf(Signal::Traces, &request).unwrap();
        assert!(&*letter.destination == "debug/a" && !json.contains("-b-"), "{}: {json}", letter.destination);
        items += json.matches("\"name\"").count();
    }
    assert_eq!(items, 5);
    std::fs::remove_dir_all(&place).unwrap();
}
