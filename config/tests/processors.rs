//! Files with processors, run: what each destination gets, and that every item is accounted for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod world;

use spanlayer_config::{Loaded, Surroundings, load};
use spanlayer_pipeline::{
    Admission, Deadline, Memory, Outcome, Settings, Signal, Spool,
    letters::{Letters, Part, Pile},
};
use std::{collections::HashMap, path::Path, time::Duration};
use world::World;

fn with(processors: &str, pipelines: &str, exporters: &str) -> World {
    World::new(&format!("processors: {{{processors}}}"), pipelines, exporters)
}

/// A file with this processor, on its third line, and whatever else it takes to be run.
fn alone(processor: &str, around: Surroundings<'_>) -> Loaded {
    let text = format!(
        "receivers: {{otlp: {{protocols: {{http: }}}}}}\nprocessors:\n  {processor}\nexporters: {{otlphttp: {{endpoint: 'https://h'}}}}\n\
         service: {{pipelines: {{traces: {{receivers: [otlp], processors: [{}], exporters: [otlphttp]}}}}}}\n",
        processor.split(':').next().unwrap()
    );
    load(&text, around)
}

fn spans(names: &[&str]) -> String {
    let span = |(n, name): (usize, &&str)| {
        format!(
            r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"010203040506070{n}","name":"{name}"}}"#
        )
    };
    let spans: Vec<String> = names.iter().enumerate().map(span).collect();
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

#[tokio::test(start_paused = true)]
async fn each_destination_gets_the_form_that_its_pipelines_make_and_every_item_is_accounted_for() {
    let world = with(
        "filter: {traces: {span: ['name == \"noise\"']}}, span: {name: {to_attributes: {rules: ['^/(?P<id>[0-9]+)$']}}}",
        "traces/clean: {receivers: [otlp], processors: [filter, span], exporters: [debug/a]}, \
         traces/all: {receivers: [otlp], exporters: [debug/b]}",
        "debug/a: , debug/b: ",
    );
    assert_eq!(world.accept(Signal::Traces, &spans(&["noise", "/42"])), Admission::Accepted);
    assert_eq!(world.accept(Signal::Traces, &spans(&["noise"])), Admission::Accepted);
    let delivered = world.delivered(Signal::Traces).await;
    assert!(delivered[0].contains("\"/{id}\"") && !delivered[0].contains("noise"), "{}", delivered[0]);
    assert!(
        delivered[1].contains("\"/42\"") && delivered[1].matches("noise").count() == 2,
        "{}",
        delivered[1]
    );
    let stats = world.pipeline.stats();
    let totals = stats.signal(Signal::Traces);
    let lanes: u64 = stats.destinations.iter().map(|one| one.signal(Signal::Traces).delivered).sum();
    assert_eq!((totals.accepted, totals.filtered, lanes), (6, 2, 4));
    assert!(world.pipeline.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_processor_brings_to_light_is_hidden_and_what_it_hashes_is_the_value_itself() {
    let world = with(
        "transform: {trace_statements: ['set(span.attributes[\"header\"], Concat([\"Bearer\", \"abcdefghijklmnopqrstuvwxyz0123456789\"], \" \"))']}, \
         attributes: {actions: [{key: password, value: \"hello world\", action: insert}, {key: password, action: hash}, \
         {key: kept, from_attribute: password, action: insert}]}",
        "traces: {receivers: [otlp], processors: [transform, attributes], exporters: [debug]}",
        "debug: ",
    );
    world.accept(Signal::Traces, &spans(&["a"]));
    let delivered = world.delivered(Signal::Traces).await;
    assert!(!delivered[0].contains("abcdefghijklmnopqrstuvwxyz0123456789"), "{}", delivered[0]);
    assert!(
        delivered[0].contains("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"),
        "{}",
        delivered[0]
    );
    assert!(world.pipeline.redacted().masked() > 0);
}

#[tokio::test(start_paused = true)]
async fn no_processor_takes_a_secret_to_where_it_is_not_known_as_one() {
    // By name, by look, and in places that are no attributes.
    let secrets = ["hunter2", "swordfish", "tr0ub4dor", "correcthorse"];
    let components = concat!(
        "processors: {",
        "attributes: {actions: [{key: copied, from_attribute: password, action: insert}, \
            {key: url, pattern: '//(?P<user>[^:]+):(?P<word>[^@]+)@', action: extract}, \
            {key: token, action: convert, converted_type: string}]}, \
         resource: {attributes: [{key: owner, from_attribute: db.password, action: upsert}]}, \
         transform: {trace_statements: ['set(span.attributes[\"upper\"], ConvertCase(span.attributes[\"password\"], \"upper\"))', \
            'set(span.status.message, span.attributes[\"password\"])', \
            'set(span.attributes[\"part\"], Substring(span.attributes[\"password\"], 0, 4))', \
            'merge_maps(span.attributes, {\"all\": span.attributes}, \"upsert\")', \
            'set(resource.attributes[\"note\"], span.attributes[\"url\"])', \
            'set(spanevent.name, span.attributes[\"password\"])'], \
            log_statements: ['set(log.body, log.attributes[\"api_key\"])', 'replace_pattern(log.body, \"hun\", \"fun\")'], \
            metric_statements: ['set(metric.description, resource.attributes[\"db.password\"])']}, \
         span: {name: {from_attributes: [password, url], separator: ' '}}, \
         span/out: {name: {to_attributes: {rules: ['^(?P<first>[^ ]+)']}}}",
        "}"
    );
    let pipelines = "traces: {receivers: [otlp], processors: [attributes, resource, transform, span, span/out], exporters: [debug]}, \
         logs: {receivers: [otlp], processors: [attributes, resource, transform], exporters: [debug]}, \
         metrics: {receivers: [otlp], processors: [attributes, resource, transform], exporters: [debug]}";
    let world = World::new(components, pipelines, "debug: ");
    let pair =
        |(key, value): &(&str, &str)| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let attributes = |pairs: &[(&str, &str)]| pairs.iter().map(pair).collect::<Vec<_>>().join(",");
    let resource =
        format!(r#""resource":{{"attributes":[{}]}}"#, attributes(&[("db.password", "swordfish")]));
    let own = attributes(&[
        ("password", "hunter2"),
        ("api_key", "tr0ub4dor"),
        ("url", "postgres://app:correcthorse@db.example/orders"),
    ]);
    let span = format!(
        r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"a","attributes":[{own}],"events":[{{"name":"e"}}]}}"#
    );
    let mut delivered = Vec::new();
    // Nothing is taken away by a destination that is down: it waits in files, and becomes dead letters.
    let place = std::env::temp_dir().join(format!("spanlayer-planted-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).unwrap();
    let mut settings = Settings::default();
    settings.spool = Some(Spool::at(place.join("spool"), 16 << 20));
    settings.letters = Letters::File(place.join("letters"));
    let down =
        World::with(components, pipelines, "debug: ", |_| Memory::always(Outcome::retry("down")), settings);
    for (signal, request) in [
        (
            Signal::Traces,
            format!(r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#),
        ),
        (
            Signal::Logs,
            format!(
                r#"{{"resourceLogs":[{{{resource},"scopeLogs":[{{"logRecords":[{{"attributes":[{own}]}}]}}]}}]}}"#
            ),
        ),
        (
            Signal::Metrics,
            format!(
                r#"{{"resourceMetrics":[{{{resource},"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{{"asInt":"1","attributes":[{own}]}}]}}}}]}}]}}]}}"#
            ),
        ),
    ] {
        assert_eq!(world.accept(signal, &request), Admission::Accepted);
        assert_eq!(down.accept(signal, &request), Admission::Accepted);
        let sent = world.delivered(signal).await.remove(0);
        for secret in secrets {
            assert!(!sent.to_lowercase().contains(&secret[1..]), "{secret} in {signal}: {sent}");
        }
        delivered.push(sent);
    }
    // The processors did what they were to do, with what hides it.
    for done in [
        r#"{"key":"copied","value":{"stringValue":"****"}}"#,
        r#"{"key":"owner","value":{"stringValue":"****"}}"#,
        r#"{"key":"first","value":{"stringValue":"****"}}"#,
        r#""name":"{first} postgres://****@db.example/orders""#,
    ] {
        assert!(delivered[0].contains(done), "{done}: {}", delivered[0]);
    }
    let holds_none = |path: &Path| {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).to_lowercase();
        assert!(text.len() > 100, "{}", path.display());
        secrets
            .iter()
            .for_each(|secret| assert!(!text.contains(&secret[1..]), "{secret} in {}", path.display()));
    };
    let files = std::fs::read_dir(place.join("spool")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.metadata().unwrap().len() > 0).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|path| holds_none(path));
    let report = down.pipeline.shutdown(Deadline::within(Duration::from_secs(2))).await;
    assert_eq!(report.dead_lettered, 3);
    let mut pile = Pile::default();
    let text = std::fs::read_to_string(place.join("letters")).unwrap();
    text.lines().filter_map(Part::find).for_each(|part| pile.add(part.unwrap()));
    for letter in pile.sort().0 {
        let path = place.join("letter");
        std::fs::write(&path, letter.batch().unwrap().request()).unwrap();
        holds_none(&path);
    }
    std::fs::remove_dir_all(&place).unwrap();
    // What was done is told once.
    let told = delivered[0].matches("redaction.masked.count").count();
    assert_eq!(told, 3, "of the resource, of the span, and in the copy of the span's: {}", delivered[0]);
}

#[tokio::test(start_paused = true)]
async fn what_two_redactors_did_is_told_together() {
    let world = with(
        "redaction: {allow_all_keys: true, blocked_values: ['ACME-[0-9]+'], summary: debug}",
        "logs: {receivers: [otlp], processors: [redaction], exporters: [debug]}",
        "debug: ",
    );
    world.accept(
        Signal::Logs,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[
            {"key":"password","value":{"stringValue":"hunter2"}},
            {"key":"order","value":{"stringValue":"ACME-4711"}}]}]}]}]}"#,
    );
    let delivered = &world.delivered(Signal::Logs).await[0];
    for (key, value) in [
        ("redaction.masked.count", r#"{"intValue":"2"}"#),
        ("redaction.masked.kinds", r#"{"stringValue":"key,pattern"}"#),
        ("redaction.masked.keys", r#"{"stringValue":"order"}"#),
    ] {
        assert_eq!(delivered.matches(key).count(), 1, "{delivered}");
        assert!(delivered.contains(&format!(r#"{{"key":"{key}","value":{value}}}"#)), "{key}: {delivered}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_share_leaves_out_is_counted_as_such() {
    let world = with(
        "filter: {traces: {span: ['name == \"noise\"']}}, probabilistic_sampler: {sampling_percentage: 0}, \
         probabilistic_sampler/all: {sampling_percentage: 100}",
        "traces/none: {receivers: [otlp], processors: [filter, probabilistic_sampler], exporters: [debug/a]}, \
         traces/all: {receivers: [otlp], processors: [filter, probabilistic_sampler/all], exporters: [debug/b]}",
        "debug/a: , debug/b: ",
    );
    world.accept(Signal::Traces, &spans(&["noise", "a", "b"]));
    let stats = world.pipeline.stats();
    let totals = stats.signal(Signal::Traces);
    assert_eq!((totals.accepted, totals.filtered, totals.sampled_out), (6, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn processors_run_in_the_order_of_the_pipeline_and_not_of_the_file() {
    let processors = "filter: {traces: {span: ['name == \"renamed\"']}}, transform: {trace_statements: ['set(span.name, \"renamed\")']}";
    for (order, left) in [("[transform, filter]", 0), ("[filter, transform]", 1)] {
        let pipelines = format!("traces: {{receivers: [otlp], processors: {order}, exporters: [debug]}}");
        let world = with(processors, &pipelines, "debug: ");
        world.accept(Signal::Traces, &spans(&["a"]));
        assert_eq!(world.delivered(Signal::Traces).await[0].matches("renamed").count(), left, "{order}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_redaction_processor_leaves_only_what_is_allowed() {
    let world = with(
        "redaction: {allowed_keys: [ok, card], blocked_values: ['4[0-9]{15}'], summary: silent}",
        "logs: {receivers: [otlp], processors: [redaction], exporters: [debug]}",
        "debug: ",
    );
    let pair = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let attributes =
        [pair("ok", "fine"), pair("card", "no 4111111111111111"), pair("other", "gone")].join(",");
    let record = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{attributes}]}}]}}]}}]}}"#
    );
    world.accept(Signal::Logs, &record);
    let delivered = &world.delivered(Signal::Logs).await[0];
    assert!(
        delivered.contains("fine") && delivered.contains("no ****") && !delivered.contains("gone"),
        "{delivered}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trace_is_held_until_it_is_over_then_kept_and_marked_or_left_out_as_a_whole() {
    let policies = "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, \
                    {name: share, type: probabilistic, probabilistic: {sampling_percentage: 50}}";
    let world = with(
        &format!("tail_sampling: {{policies: [{policies}]}}"),
        "traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}",
        "debug: ",
    );
    // The last 14 digits of an id are its chance: these are above and below one half.
    let span = |name: &str, chance: &str, rest: &str| {
        format!(
            r#"{{"traceId":"0102030405060708{chance}","spanId":"0102030405060708","name":"{name}","parentSpanId":"0202020202020202"{rest}}}"#
        )
    };
    let (lucky, unlucky) = ("00ffffffffffffff", "0000000000000001");
    let send = |spans: &[String]| {
        let request =
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
        assert_eq!(world.accept(Signal::Traces, &request), Admission::Accepted);
    };
    let error = r#","status":{"code":2}"#;
    send(&[span("lucky", lucky, ""), span("unlucky", unlucky, ""), span("failing", "0000000000000002", "")]);
    world.flow.decide(&world.pipeline, 0, false);
    assert_eq!((world.delivered(Signal::Traces).await[0].as_str(), world.pipeline.pending().items), ("", 3));
    send(&[span("failed", "0000000000000002", error), span("second", unlucky, "")]);
    world.flow.ended();
    world.flow.decide(&world.pipeline, 0, false);
    let delivered = world.delivered(Signal::Traces).await.remove(0);
    let found = |name: &str| delivered.contains(&format!("\"{name}\""));
    assert!(
        found("lucky") && found("failing") && found("failed") && !found("unlucky") && !found("second"),
        "{delivered}"
    );
    assert_eq!(
        delivered.matches("ot=th:8").count(),
        1,
        "what is kept for sure stands for itself: {delivered}"
    );
    // Stragglers.
    send(&[span("late", lucky, ""), span("late", unlucky, ""), span("broken", unlucky, error)]);
    let late = world.delivered(Signal::Traces).await.remove(0);
    assert_eq!((late.matches("\"late\"").count(), late.matches("\"broken\"").count()), (2, 1), "{late}");
    let stats = world.pipeline.stats();
    let (totals, lane) = (stats.signal(Signal::Traces), stats.destinations[0].signal(Signal::Traces));
    assert_eq!(totals.accepted, lane.delivered + totals.sampled_out);
    assert!(world.pipeline.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_truth_value_that_a_policy_keeps_may_be_written_in_any_case() {
    for value in ["true", "True", "TRUE"] {
        let world = with(
            &format!(
                "tail_sampling: {{policies: [{{name: a, type: boolean_attribute, boolean_attribute: {{key: canary, value: {value}}}}}]}}"
            ),
            "traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}",
            "debug: ",
        );
        let canary = |n: u8| {
            format!(
                r#"{{"traceId":"0102030405060708090a0b0c0d0e0f1{n}","spanId":"0102030405060708","name":"canary {n}",
                "attributes":[{{"key":"canary","value":{{"boolValue":{}}}}}]}}"#,
                n == 1
            )
        };
        let both = [canary(0), canary(1)].join(",");
        world.accept(
            Signal::Traces,
            &format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{both}]}}]}}]}}"#),
        );
        world.flow.decide(&world.pipeline, 0, true);
        let delivered = world.delivered(Signal::Traces).await.remove(0);
        assert!(delivered.contains("canary 1") && !delivered.contains("canary 0"), "{value}: {delivered}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_decided_by_the_end_is_decided_with_what_is_there() {
    let world = with(
        "tail_sampling: {policies: [{name: never, type: span_count, span_count: {min_spans: 100}}]}",
        "traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}",
        "debug: ",
    );
    world.accept(Signal::Traces, &spans(&["a", "b"]));
    world.flow.decide(&world.pipeline, 0, true);
    assert_eq!(world.delivered(Signal::Traces).await[0], "");
    assert_eq!(world.pipeline.stats().signal(Signal::Traces).sampled_out, 2);
}

#[tokio::test(start_paused = true)]
async fn what_guards_find_is_put_right_and_counted_once_for_each_form() {
    let world = with(
        "limits: {max_span_names: 1, max_attributes: 1}, clock: {correct: true}, schema: {targets: ['https://opentelemetry.io/schemas/1.27.0'], \
         assumed: 'https://opentelemetry.io/schemas/1.0.0', renames: [{from: a, to: b}], report: true}",
        "traces: {receivers: [otlp], processors: [clock, schema, limits], exporters: [debug]}",
        "debug: ",
    );
    let span = |n: u8, attributes: &str| {
        format!(
            r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"010203040506070{n}","name":"n{n}","startTimeUnixNano":"99","endTimeUnixNano":"42","attributes":[{attributes}]}}"#
        )
    };
    let attribute = |key: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"v"}}}}"#);
    let (first, second) = (attribute("faas.execution"), [attribute("faas.own"), attribute("a")].join(","));
    let spans = [span(1, &first), span(2, &second)].join(",");
    world.accept(
        Signal::Traces,
        &format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#),
    );
    let delivered = world.delivered(Signal::Traces).await;
    for there in [
        "\"n1\"",
        "\"(other)\"",
        "spanlayer.clock.shift_ms",
        "faas.own",
        "\"endTimeUnixNano\":\"99\"",
        "1.27.0",
    ] {
        assert!(delivered[0].contains(there), "{there}: {}", delivered[0]);
    }
    let counts: Vec<(&str, u64)> = world.pipeline.counts().iter().collect();
    let expected = [
        ("attributesLeftOut", 3),
        ("namesReplaced", 1),
        ("negativeDurations", 2),
        ("timesCorrected", 2),
        ("attributesUpgraded", 1),
        ("attributesUnknown", 1),
    ];
    assert_eq!(counts, expected, "{}", delivered[0]);
    assert_eq!(world.flow.strange_attributes(), [(("faas.own".to_owned(), false), 1)]);
}

#[test]
fn a_pipeline_whose_processor_has_a_misspelt_option_is_not_run_and_everything_else_is_told_of_at_once() {
    for (processor, told, runs) in [
        (
            "redaction: {allow_all_keys: true, blocked_vals: ['4[0-9]+'], blocked_key_patterns: ['(']}",
            2,
            false,
        ),
        ("redaction: {allow_all_keys: true, sumary: debug}", 1, false),
        ("redaction: {allow_all_keys: true, blocked_values: ['('], hash_function: sha1}", 2, false),
        (
            "attributes: {actions: [{key: a, action: frob}, {key: b, action: extract, pattern: '('}, {key: c, action: convert, \
             converted_type: bool}]}",
            3,
            false,
        ),
        (
            "tail_sampling: {policies: [{name: a, type: latncy}, {name: b, type: latency, latency: {threshold_ms: -1}}, {name: c, \
             type: ottl_condition, ottl_condition: {span: ['x ==', 'nmae == 1']}}]}",
            4,
            false,
        ),
        ("attributes: {actions: [{key: a, action: delete, patern: x}, {action: delete}]}", 2, false),
        ("filter: {traces: {spans: ['true'], span: ['nmae == 1']}}", 2, false),
        (
            "attributes: {include: {match_type: strict, servces: [a]}, actions: [{key: a, action: delete}]}",
            1,
            false,
        ),
        ("filter: {trace_conditions: [{contxt: span, conditions: ['true']}]}", 1, false),
        (
            "transform: {trace_statements: [{statements: ['set(name, \"x\")'], error_mode: propogate}]}",
            1,
            false,
        ),
        ("transform: {trace_statements: [{statements: ['set(name, \"x\")'], eror_mode: silent}]}", 1, false),
        ("batch: {tiemout: 1s}", 1, true),
        ("memory_limiter: {limit: 5}", 1, true),
    ] {
        let loaded = alone(processor, Surroundings::here(&HashMap::<&str, &str>::new()));
        let there = loaded.problems.iter().filter(|one| one.at.line == 3).count();
        assert_eq!((there, loaded.plan.is_some()), (told, runs), "{processor}: {:?}", loaded.problems);
    }
}

#[test]
fn what_is_wrong_for_sure_is_told_beside_a_variable_that_is_not_known() {
    for (processor, told) in [
        (
            "redaction: {allow_all_keys: true, blocked_values: ['('], hash_function: hmac-sha256, hmac_key: '${env:KEY}'}",
            1,
        ),
        (
            "redaction: {allow_all_keys: true, blocked_values: ['a', '${env:P}'], hash_function: hmac-sha256, hmac_key: '${env:KEY}'}",
            0,
        ),
        (
            "transform: {trace_statements: ['set(span.attributes[\"a\"], \"${env:STAGE}\")', 'set(nmae, 1)', 'set(name, )']}",
            2,
        ),
        ("filter: {traces: {span: ['name == \"${env:NAME}\"', 'nmae == 1']}}", 1),
        ("tail_sampling: {policies: [{name: a, type: latency, latency: {threshold_ms: '${env:MS}'}}]}", 0),
        (
            "tail_sampling: {policies: [{name: a, type: latency, latency: '${env:LATENCY}'}, {name: b, type: ottl_condition, ottl_condition: {span: ['x ==']}}]}",
            1,
        ),
        ("limits: {max_attributes: '${env:MOST}'}", 0),
        (
            "attributes: {actions: [{key: a, action: '${env:DO}'}, {key: b, action: extract, pattern: '('}]}",
            1,
        ),
    ] {
        let loaded = alone(processor, Surroundings::elsewhere(&HashMap::<&str, &str>::new()));
        let there = loaded.problems.iter().filter(|one| one.at.line == 3).count();
        assert_eq!((there, loaded.plan.is_some()), (told, told == 0), "{processor}: {:?}", loaded.problems);
    }
}

#[test]
fn guards_that_are_faulty_or_do_nothing_are_told_of() {
    for (processor, told) in [
        ("limits: ", "nothing is limited"),
        ("limits: {max_attributes: 0}", "this value cannot be used"),
        ("clock: {tolerance: 5}", "this value cannot be used"),
        ("schema: ", "nothing is to be done"),
        ("schema: {targets: ['https://example.com/1.0.0']}", "none of OpenTelemetry's own schemas"),
        ("schema: {targets: ['https://opentelemetry.io/schemas/1.99.0']}", "after 1.27.0 nothing is known"),
        (
            "schema: {targets: ['https://opentelemetry.io/schemas/1.9.0', 'https://opentelemetry.io/schemas/1.8.0']}",
            "another target",
        ),
        ("schema: {report: true, assumed: 'x'}", "none of OpenTelemetry's own schemas"),
        ("schema: {renames: [{from: a}]}", "`from` or `to` is missing"),
        ("schema: {report: true, migration: []}", "`migration` is not supported"),
    ] {
        let loaded = alone(processor, Surroundings::here(&HashMap::<&str, &str>::new()));
        let all: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|one| one.contains(told) && one.contains("line 3")), "{processor}: {all:?}");
        assert!(loaded.plan.is_none(), "data does not leave as it is: {processor}");
    }
}
