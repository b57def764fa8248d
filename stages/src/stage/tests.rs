use super::{threshold::State, *};
use crate::{
    ottl::{Condition, Context, Statement},
    record::Value,
    scene::{Level, walk},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event},
};
use prost::Message as _;
use regex_lite::Regex;
use spanlayer_otlp::json;

fn traces(spans: impl IntoIterator<Item = Span>) -> Bytes {
    let scope_spans = vec![ScopeSpans { spans: spans.into_iter().collect(), ..Default::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

fn span(name: &str) -> Span {
    Span { trace_id: vec![1; 16], span_id: vec![1; 8], name: name.to_owned(), ..Default::default() }
}

fn decoded(passed: Passed) -> ExportTraceServiceRequest {
    match passed {
        Passed::Changed(bytes) => ExportTraceServiceRequest::decode(&bytes[..]).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn spans(passed: Passed) -> Vec<Span> {
    decoded(passed).resource_spans.remove(0).scope_spans.remove(0).spans
}

fn pass(stages: Vec<Stage>, signal: Signal, bytes: &Bytes) -> Passed {
    let stages: Vec<_> = stages.into_iter().map(Arc::new).collect();
    run(&stages, signal, bytes, 0, &mut Report::default())
}

fn filter(conditions: &[(Context, &str)]) -> Stage {
    let conditions = conditions.iter().map(|(context, text)| {
        let signal = Signal::ALL.into_iter().find(|signal| context.is_of(*signal)).unwrap();
        (signal, Condition::compile(text, *context).unwrap())
    });
    Stage::Filter(Filter { conditions: conditions.collect(), ..Default::default() })
}

fn statements(context: Context, texts: &[&str], on_error: OnError) -> Stage {
    let statements = texts.iter().map(|text| Statement::compile(text, context).unwrap()).collect();
    let group = Group { signal: Signal::Traces, context, conditions: Vec::new(), statements, on_error };
    Stage::Transform(Transform { groups: vec![group] })
}

#[test]
fn what_is_filtered_goes_with_what_is_then_empty_and_the_rest_stays_as_it_was() {
    let bytes = traces([span("a"), span("b")]);
    let without = |text| pass(vec![filter(&[(Context::Span, text)])], Signal::Traces, &bytes);
    assert_eq!(without(r#"name == "c""#), Passed::Same);
    assert_eq!(spans(without(r#"name == "a""#)), [span("b")]);
    assert_eq!(without("true"), Passed::Nothing);
    let event = |name: &str| Event { name: name.to_owned(), ..Default::default() };
    let bytes = traces([Span { events: vec![event("x"), event("y")], ..span("a") }]);
    let stage = filter(&[(Context::SpanEvent, r#"name == "x" and span.name == "a""#)]);
    assert_eq!(spans(pass(vec![stage], Signal::Traces, &bytes))[0].events, [event("y")]);
    let stage = filter(&[(Context::SpanEvent, "true")]);
    assert!(
        spans(pass(vec![stage], Signal::Traces, &bytes))[0].events.is_empty(),
        "a span stays without its events"
    );
}

#[test]
fn data_points_are_filtered_and_a_metric_without_any_goes() {
    let point = |k: &str| {
        format!(r#"{{"asInt": "1", "attributes": [{{"key": "k", "value": {{"stringValue": "{k}"}}}}]}}"#)
    };
    let text = format!(
        r#"{{"resourceMetrics": [{{"scopeMetrics": [{{"metrics": [
            {{"name": "m", "sum": {{"dataPoints": [{}, {}], "isMonotonic": true}}}},
            {{"name": "h", "histogram": {{"dataPoints": [{{"count": "3", "attributes": [{{"key": "k", "value": {{"stringValue": "b"}}}}]}}]}}}}
        ]}}]}}]}}"#,
        point("a"),
        point("b")
    );
    let bytes = json::to_protobuf(Signal::Metrics, text.as_bytes()).unwrap().into();
    let left = |context, text| match pass(vec![filter(&[(context, text)])], Signal::Metrics, &bytes) {
        Passed::Changed(bytes) => json::from_protobuf(Signal::Metrics, &bytes).unwrap(),
        other => format!("{other:?}"),
    };
    let text = left(Context::DataPoint, r#"attributes["k"] == "b""#);
    assert!(
        text.contains("\"a\"")
            && !text.contains("\"b\"")
            && !text.contains("\"h\"")
            && text.contains("isMonotonic")
    );
    assert_eq!(left(Context::DataPoint, r#"metric.type == METRIC_DATA_TYPE_GAUGE"#), "Same");
    assert_eq!(left(Context::DataPoint, "count == 3 or value_int == 1"), "Nothing");
    assert!(!left(Context::Metric, r#"HasAttrOnDatapoint("k", "a")"#).contains("\"m\""));
    assert!(!left(Context::Metric, "type == METRIC_DATA_TYPE_HISTOGRAM").contains("\"h\""));
}

#[test]
fn statements_run_in_their_order_over_what_those_before_left() {
    let stage = statements(
        Context::Span,
        &[
            r#"set(attributes["a"], "1")"#,
            r#"set(name, "renamed") where attributes["a"] == "1""#,
            r#"set(resource.attributes["service.name"], "s") where name == "renamed""#,
            r#"set(status.code, STATUS_CODE_ERROR)"#,
        ],
        OnError::Ignore,
    );
    let request = decoded(pass(vec![stage], Signal::Traces, &traces([span("a")])));
    let group = &request.resource_spans[0];
    assert_eq!(group.resource.as_ref().unwrap().attributes[0].key, "service.name");
    let span = &group.scope_spans[0].spans[0];
    assert_eq!((span.name.as_str(), span.status.as_ref().unwrap().code), ("renamed", 2));
}

#[test]
fn what_cannot_be_evaluated_is_ignored_and_told_or_costs_the_payload_as_was_asked_for() {
    let bytes = traces([span("a")]);
    let texts = &[r#"set(name, Substring(name, 5, 5))"#, r#"set(attributes["a"], 1)"#];
    for (on_error, told, left) in
        [(OnError::Ignore, true, true), (OnError::Silent, false, true), (OnError::Propagate, true, false)]
    {
        let mut report = Report::default();
        let passed = run(
            &[Arc::new(statements(Context::Span, texts, on_error))],
            Signal::Traces,
            &bytes,
            0,
            &mut report,
        );
        assert_eq!((report.failed.is_some(), passed != Passed::Nothing), (told, left), "{on_error:?}");
        if left {
            assert_eq!(spans(passed)[0].attributes.len(), 1, "the rest is done");
        }
    }
}

#[test]
fn actions_do_what_the_collectors_do() {
    let text = |text: &str| Value::Text(text.to_owned());
    let value = |value: &str| Source::Value(text(value));
    let key = |key: &str| key.to_owned();
    let actions = vec![
        Action::Insert(key("a"), value("new")),
        Action::Insert(key("b"), value("new")),
        Action::Update(key("a"), value("updated")),
        Action::Update(key("c"), value("updated")),
        Action::Upsert(key("d"), Source::Attribute(key("a"))),
        Action::Upsert(key("e"), Source::Attribute(key("none"))),
        Action::Delete(Some(key("gone")), Some(Regex::new("^also_").unwrap())),
        Action::Hash(Some(key("hashed")), None),
        Action::Extract(key("url"), Regex::new("^(?P<scheme>[a-z]+)://(?P<host>[^/]+)").unwrap()),
        Action::Convert(key("number"), Convert::Int),
        Action::Convert(key("flag"), Convert::Text),
    ];
    let before = [
        ("a", text("old")),
        ("gone", text("x")),
        ("also_gone", text("x")),
        ("hashed", text("hello world")),
        ("url", text("https://h/p")),
        ("number", text("7")),
        ("flag", Value::Bool(true)),
    ];
    let mut root = Record::open(&traces([span("a")]));
    walk(Signal::Traces, &mut root, Level::Item, &mut |scene| {
        let item = scene.item.as_deref_mut().unwrap();
        before.iter().for_each(|(key, value)| item.attributes(span::ATTRIBUTES).set(key, value));
        true
    });
    let actions = Actions { target: Target::Items, select: Select::default(), actions };
    assert!(actions.run(Signal::Traces, &mut root));
    let hash = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    walk(Signal::Traces, &mut root, Level::Item, &mut |scene| {
        let Value::Map(after) = scene.item.as_ref().unwrap().attribute_map(span::ATTRIBUTES) else {
            panic!()
        };
        let after: Vec<(&str, Value)> =
            after.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        assert_eq!(
            after,
            [
                ("a", text("updated")),
                ("hashed", text(hash)),
                ("url", text("https://h/p")),
                ("number", Value::Int(7)),
                ("flag", text("true")),
                ("b", text("new")),
                ("d", text("updated")),
                ("scheme", text("https")),
                ("host", text("h")),
            ]
        );
        true
    });
}

#[test]
fn names_become_attributes_and_attributes_names() {
    let rules = vec![Regex::new("^/orders/(?P<id>[0-9]+)(?P<rest>/.*)?$").unwrap()];
    let stage = Naming { rules, ..Default::default() };
    let found = spans(pass(
        vec![Stage::Naming(stage)],
        Signal::Traces,
        &traces([span("/orders/42/items"), span("/x")]),
    ));
    assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("/orders/{id}{rest}", "/x"));
    let stage =
        Naming { from: vec!["id".into(), "rest".into()], separator: "::".into(), ..Default::default() };
    let renamed = spans(pass(vec![Stage::Naming(stage)], Signal::Traces, &traces(found)));
    assert_eq!((renamed[0].name.as_str(), renamed[1].name.as_str()), ("42::/items", "/x"));
}

#[test]
fn what_is_not_selected_is_left() {
    let select = Select {
        include: Some(Match { names: vec![Pattern::Regex(Regex::new("^a").unwrap())], ..Default::default() }),
        exclude: Some(Match { names: vec![Pattern::Exact(Value::Text("ab".into()))], ..Default::default() }),
    };
    let act = Action::Insert("k".into(), Source::Value(Value::Int(1)));
    let stage = Stage::Actions(Actions { target: Target::Items, select, actions: vec![act] });
    let found = spans(pass(vec![stage], Signal::Traces, &traces([span("a"), span("ab"), span("b")])));
    assert_eq!(found.iter().map(|span| span.attributes.len()).collect::<Vec<_>>(), [1, 0, 0]);
}

fn share(probability: f64, mode: Mode) -> Share {
    Share { probability, mode, digits: 4, closed: true, from_attribute: None, priority: None }
}

/// Trace ids as good as random, the same every time.
fn trace_ids(count: u64) -> impl Iterator<Item = [u8; 16]> {
    let mix = |n: u64| {
        let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (1..=count).map(move |n| (u128::from(mix(n)) << 64 | u128::from(mix(!n))).to_be_bytes())
}

#[test]
fn shares_of_a_million_traces_are_within_chance_and_smaller_shares_are_within_larger() {
    for (mode, probability) in [(Mode::Proportional, 0.1), (Mode::Equalizing, 0.001), (Mode::Seed(22), 0.5)] {
        let (small, large) = (share(probability, mode), share((probability * 2.0).min(1.0), mode));
        let (mut kept, count) = (0_u32, 1_000_000);
        for id in trace_ids(count) {
            let decide = |share: &Share| {
                let bits = share.randomness(&id, &mut State::default()).unwrap();
                bits >= share.threshold(0, share.probability)
            };
            if decide(&small) {
                kept += 1;
                assert!(decide(&large), "who keeps more keeps these too");
            }
        }
        let (count, expected) = (count as f64, probability * count as f64);
        // Buckets of a hash are as fine as they are.
        let grain = if matches!(mode, Mode::Seed(_)) { count / f64::from(1 << 14) } else { 0.0 };
        let bound = 4.5 * (expected * (1.0 - probability)).sqrt() + grain;
        assert!((f64::from(kept) - expected).abs() < bound, "{mode:?} {probability}: {kept}");
    }
}

#[test]
fn what_is_kept_says_how_many_it_stands_for() {
    let id = |last: u8| [vec![1; 9], vec![last; 7]].concat();
    let with =
        |trace_state: &str, last| Span { trace_state: trace_state.into(), trace_id: id(last), ..span("a") };
    let states = |mode, spans_in: Vec<Span>| {
        let found = spans(pass(vec![Stage::Share(share(0.5, mode))], Signal::Traces, &traces(spans_in)));
        found.into_iter().map(|span| span.trace_state).collect::<Vec<_>>()
    };
    let before = || vec![with("", 0xf0), with("x=1,ot=th:8", 0xf0), with("ot=th:c", 0xf0), with("", 0x10)];
    assert_eq!(states(Mode::Proportional, before()), ["ot=th:8", "ot=th:c,x=1", "ot=th:e"]);
    assert_eq!(states(Mode::Equalizing, before()), ["ot=th:8", "ot=th:8,x=1", "ot=th:c"]);
    let explicit = vec![with("ot=rv:ffffffffffffff", 0), with("ot=rv:00000000000000", 0xff)];
    assert_eq!(states(Mode::Proportional, explicit), ["ot=th:8;rv:ffffffffffffff"]);
}

#[test]
fn a_span_that_says_how_important_it_is_is_believed() {
    let with = |priority: i64, name: &str| {
        let mut record = Record::default();
        record.set_bytes(1, vec![1; 16]);
        record.set_bytes(2, vec![1; 8]);
        record.set_bytes(5, name.to_owned());
        record.attributes(span::ATTRIBUTES).set("sampling.priority", &Value::Int(priority));
        Span::decode(&record.encode()[..]).unwrap()
    };
    let bytes = traces([with(1, "kept"), with(0, "gone")]);
    let found = pass(vec![Stage::Share(share(0.0, Mode::Proportional))], Signal::Traces, &bytes);
    assert_eq!(spans(found).iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["kept"]);
}
