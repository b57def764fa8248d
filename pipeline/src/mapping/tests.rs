use spanlayer_otlp::json::to_protobuf;

use super::*;

/// Everything that a span may have: a child with all types of attributes, and a root with next to nothing.
const SPANS: &str = r#"{"resourceSpans":[{
    "resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"orders"}},
        {"key":"process.pid","value":{"intValue":"7"}}]},
    "scopeSpans":[{"scope":{"name":"tracing","version":"0.1"},"spans":[
        {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b2","parentSpanId":"00000000000000c3",
         "name":"charge \"card\"","kind":3,
         "startTimeUnixNano":"1767000000123456789","endTimeUnixNano":"1767000000135802467",
         "attributes":[
            {"key":"text","value":{"stringValue":"zür\nich"}},
            {"key":"flag","value":{"boolValue":true}},
            {"key":"int","value":{"intValue":"-9007199254740993"}},
            {"key":"double","value":{"doubleValue":2}},
            {"key":"nan","value":{"doubleValue":"NaN"}},
            {"key":"endless","value":{"doubleValue":"-Infinity"}},
            {"key":"bytes","value":{"bytesValue":"+/8="}},
            {"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"a"},{}]}}},
            {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":0.5}}]}}},
            {"key":"empty"}],
         "events":[{"timeUnixNano":"1767000000130999999","name":"retry",
            "attributes":[{"key":"attempt","value":{"intValue":"2"}}]}],
         "links":[{"traceId":"000000000000000000000000000000d4","spanId":"00000000000000e5"}],
         "status":{"code":2,"message":"declined"}},
        {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000c3","name":"order","kind":2,
         "startTimeUnixNano":"1767000000000000000","endTimeUnixNano":"1766999999000000000"}
    ]}]}]}"#;

/// What the attributes above become, types kept.
const ATTRIBUTES: &str = r#"{"text":"zür\nich","flag":true,"int":-9007199254740993,"double":2.0,"nan":"NaN","endless":"-Infinity","bytes":"+/8=","list":[1,"a",null],"map":{"k":0.5},"empty":null}"#;

const NOW: u64 = 1_767_000_001_000_000_000;

fn request(signal: Signal, json: &str) -> Vec<u8> {
    to_protobuf(signal, json.as_bytes()).unwrap()
}

fn rendered(mapping: &Mapping) -> String {
    mapping.render(&request(Signal::Traces, SPANS), NOW)
}

fn wrong(text: &str) -> String {
    text.parse::<Mapping>().unwrap_err()
}

/// A mapping of spans with this template.
fn each_span(template: &str) -> String {
    let text = format!(r#"{{"body":{{"$each":"spans","as":{template}}}}}"#);
    rendered(&text.parse().unwrap())
}

#[test]
fn events_are_byte_for_byte_what_their_backend_takes() {
    let mapping = Mapping::events("shop");
    assert_eq!((mapping.path(), mapping.signal()), ("/v1/ingest", Signal::Traces));
    let child = format!(
        r#"{{"type":"span","trace_id":"000000000000000000000000000000a1","span_id":"00000000000000b2","parent_span_id":"00000000000000c3","service":"orders","operation":"charge \"card\"","start_time_ms":1767000000123,"duration_ms":12.346,"status":"error","status_message":"declined","attributes":{ATTRIBUTES},"events":[{{"name":"retry","timestamp_ms":1767000000130,"attributes":{{"attempt":2}}}}]}}"#
    );
    let root = r#"{"type":"span","trace_id":"000000000000000000000000000000a1","span_id":"00000000000000c3","parent_span_id":null,"service":"orders","operation":"order","start_time_ms":1767000000000,"duration_ms":0.000,"status":"ok","status_message":"","attributes":{},"events":[]}"#;
    let body = format!(
        r#"{{"project_id":"shop","events":[{child},{root}],"sent_at":"2025-12-29T09:20:01.000000000Z"}}"#
    );
    assert_eq!(rendered(&mapping), body);
}

#[test]
fn a_service_without_a_name_is_unknown_to_the_backend() {
    let request = request(
        Signal::Traces,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b2"}]}]}]}"#,
    );
    assert!(Mapping::events("shop").render(&request, NOW).contains(r#""service":"unknown""#));
    assert!(Mapping::span_lines().lines(&request, NOW).ends_with(",\"service\":null}\n"));
}

#[test]
fn compact_events_carry_ids_and_times_only() {
    assert_eq!(
        rendered(&Mapping::compact_events("$hop")),
        r#"{"project_id":"$hop","events":[{"trace_id":"000000000000000000000000000000a1","span_id":"00000000000000b2","operation":"charge \"card\"","start_time":1767000000123,"duration_ms":12.346},{"trace_id":"000000000000000000000000000000a1","span_id":"00000000000000c3","operation":"order","start_time":1767000000000,"duration_ms":0.000}]}"#
    );
}

#[test]
fn a_line_a_span_holds_all_that_it_has() {
    let lines = Mapping::span_lines().lines(&request(Signal::Traces, SPANS), NOW);
    let child = format!(
        r#"{{"trace_id":"000000000000000000000000000000a1","span_id":"00000000000000b2","parent_span_id":"00000000000000c3","name":"charge \"card\"","kind":"CLIENT","start_time":"2025-12-29T09:20:00.123456789Z","end_time":"2025-12-29T09:20:00.135802467Z","duration_ns":12345678,"attributes":{ATTRIBUTES},"events":[{{"name":"retry","timestamp":"2025-12-29T09:20:00.130999999Z","attributes":{{"attempt":2}}}}],"links":[{{"trace_id":"000000000000000000000000000000d4","span_id":"00000000000000e5","attributes":{{}}}}],"status":{{"code":"ERROR","message":"declined"}},"service":"orders"}}"#
    );
    let root = r#"{"trace_id":"000000000000000000000000000000a1","span_id":"00000000000000c3","parent_span_id":null,"name":"order","kind":"SERVER","start_time":"2025-12-29T09:20:00.000000000Z","end_time":"2025-12-29T09:19:59.000000000Z","duration_ns":0,"attributes":{},"events":[],"links":[],"status":{"code":"UNSET","message":""},"service":"orders"}"#;
    assert_eq!(lines, format!("{child}\n{root}\n"));
}

#[test]
fn the_resource_stands_beside_the_spans_with_its_attributes_as_texts() {
    // The spans are those of the lines.
    let spans = Mapping::span_lines().lines(&request(Signal::Traces, SPANS), NOW);
    let spans = spans.trim_end().replace('\n', ",");
    let resource = r#"{"service_name":"orders","attributes":{"service.name":"orders","process.pid":"7"}}"#;
    let golden = format!(r#"{{"spans":[{spans}],"resource":{resource}}}"#);
    assert_eq!(rendered(&Mapping::spans_with_resource()), golden);
    assert!(Mapping::spans_with_resource().keeps_resources_apart());
    assert!(!Mapping::events("shop").keeps_resources_apart());
}

#[test]
fn a_plain_array_leaves_out_the_parent_of_roots() {
    let child = format!(
        r#"{{"trace_id":"000000000000000000000000000000a1","span_id":"00000000000000b2","parent_span_id":"00000000000000c3","name":"charge \"card\"","start_time":"2025-12-29T09:20:00.123456789Z","end_time":"2025-12-29T09:20:00.135802467Z","status":"ERROR","attributes":{ATTRIBUTES},"events":[{{"name":"retry","timestamp":"2025-12-29T09:20:00.130999999Z","attributes":{{"attempt":2}}}}]}}"#
    );
    let root = r#"{"trace_id":"000000000000000000000000000000a1","span_id":"00000000000000c3","name":"order","start_time":"2025-12-29T09:20:00.000000000Z","end_time":"2025-12-29T09:19:59.000000000Z","status":"UNSET","attributes":{},"events":[]}"#;
    assert_eq!(rendered(&Mapping::span_array()), format!("[{child},{root}]"));
}

#[test]
fn metrics_of_all_kinds_are_told_with_their_values() {
    let json = r#"{"resourceMetrics":[{
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},
        "scopeMetrics":[{"scope":{"name":"shop","version":"2"},"metrics":[
            {"name":"depth","description":"of the queue","unit":"{item}","gauge":{"dataPoints":[
                {"timeUnixNano":"1767000000000000000","asInt":"-3","attributes":[{"key":"q","value":{"intValue":"1"}}]}]}},
            {"name":"sold","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
                {"startTimeUnixNano":"1767000000000000000","timeUnixNano":"1767000000000000000","asDouble":1.5},
                {"timeUnixNano":"1767000000000000000","flags":1}]}},
            {"name":"took","unit":"ms","histogram":{"aggregationTemporality":1,"dataPoints":[
                {"timeUnixNano":"1767000000000000000","count":"3","sum":7.5,"bucketCounts":["1","2"],
                 "explicitBounds":[5],"min":1,"max":4}]}},
            {"name":"exp","exponentialHistogram":{"dataPoints":[
                {"timeUnixNano":"1767000000000000000","count":"4","scale":-2,"zeroCount":"1",
                 "positive":{"offset":-1,"bucketCounts":["3"]}}]}},
            {"name":"old","summary":{"dataPoints":[
                {"timeUnixNano":"1767000000000000000","count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":1.5}]}]}}
        ]}]}]}"#;
    let time = r#""time":"2025-12-29T09:20:00.000000000Z""#;
    let point = |value: &str| format!(r#"{{"attributes":{{}},"start_time":null,{time},"value":{value}}}"#);
    let metrics = [
        format!(
            r#"{{"name":"depth","description":"of the queue","unit":"{{item}}","type":"gauge","data_points":[{{"attributes":{{"q":1}},"start_time":null,{time},"value":-3}}]}}"#
        ),
        format!(
            r#"{{"name":"sold","description":"","unit":"","type":"sum","data_points":[{{"attributes":{{}},"start_time":"2025-12-29T09:20:00.000000000Z",{time},"value":1.5}},{}]}}"#,
            point("null")
        ),
        format!(
            r#"{{"name":"took","description":"","unit":"ms","type":"histogram","data_points":[{}]}}"#,
            point(r#"{"count":3,"sum":7.5,"bucket_counts":[1,2],"bounds":[5.0],"min":1.0,"max":4.0}"#)
        ),
        format!(
            r#"{{"name":"exp","description":"","unit":"","type":"exponential_histogram","data_points":[{}]}}"#,
            point(
                r#"{"count":4,"sum":null,"scale":-2,"zero_count":1,"zero_threshold":0.0,"positive":{"offset":-1,"bucket_counts":[3]},"negative":{"offset":0,"bucket_counts":[]},"min":null,"max":null}"#
            )
        ),
        format!(
            r#"{{"name":"old","description":"","unit":"","type":"summary","data_points":[{}]}}"#,
            point(r#"{"count":2,"sum":3.0,"quantiles":[{"quantile":0.5,"value":1.5}]}"#)
        ),
    ];
    let body = format!(
        r#"{{"resource_attributes":{{"service.name":"orders"}},"scope_metrics":[{{"scope_name":"shop","scope_version":"2","metrics":[{}]}}],"timestamp":"2025-12-29T09:20:01.000000000Z"}}"#,
        metrics.join(",")
    );
    let mapping = Mapping::metrics();
    assert_eq!(mapping.render(&request(Signal::Metrics, json), NOW), body);
    assert_eq!((mapping.signal(), mapping.keeps_resources_apart()), (Signal::Metrics, true));
}

#[test]
fn logs_have_a_shape_of_their_own() {
    let mapping: Mapping = r#"{"body":{"$each":"logs","as":
        {"at":"$time.s","level":"$severity","says":"$body","trace?":"$trace_id","span?":"$span_id","more?":"$attributes"}}}"#
        .parse()
        .unwrap();
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
        {"timeUnixNano":"1767000000999999999","severityNumber":17,"body":{"stringValue":"oh"},
         "traceId":"000000000000000000000000000000a1"},
        {"body":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}}]}},
         "attributes":[{"key":"k","value":{"boolValue":false}}]}]}]}]}"#;
    assert_eq!(
        mapping.render(&request(Signal::Logs, json), NOW),
        r#"[{"at":1767000000,"level":17,"says":"oh","trace":"000000000000000000000000000000a1"},{"at":null,"level":0,"says":{"a":1},"more":{"k":false}}]"#
    );
}

#[test]
fn forms_defaults_keys_and_literals_are_the_templates_business() {
    let spans = each_span(
        r#"[1, -2.5, true, null, "plain", "$$price", "$kind.lower", "$kind.number", "$status.number", "$duration.us",
            "$start.us", "$attributes:int", "$attributes:none|-", "$resource:process.pid", {"n?":"$attributes:empty"}]"#,
    );
    let child = r#"[1,-2.5,true,null,"plain","$price","client",3,2,12345,1767000000123456,-9007199254740993,"-",7,{}]"#;
    let root = r#"[1,-2.5,true,null,"plain","$price","server",2,0,0,1767000000000000,null,"-",7,{}]"#;
    assert_eq!(spans, format!("[{child},{root}]"));
    assert_eq!(
        each_span(r#"{"e?":{"$each":"events","as":"$name"},"l?":{"$each":"links","as":"$span_id"}}"#),
        r#"[{"e":["retry"],"l":["00000000000000e5"]},{}]"#
    );
    let texts = each_span(r#""$attributes.text""#);
    let expected = r#"[{"text":"zür\nich","flag":"true","int":"-9007199254740993","double":"2.0","nan":"NaN","endless":"-Infinity","bytes":"+/8=","list":"[1,\"a\",null]","map":"{\"k\":0.5}","empty":""},{}]"#;
    assert_eq!(texts, expected);
}

#[test]
fn a_mistake_is_named_with_what_would_be_right() {
    let in_span = |template: &str| wrong(&format!(r#"{{"body":{{"$each":"spans","as":{template}}}}}"#));
    for (told, parts) in [
        (in_span(r#""$durration""#), &["`$durration` is nothing that a span has", "$duration"][..]),
        (in_span(r#""$duration.weeks""#), &["`$duration` has no form `.weeks`", ".ms.3"]),
        (in_span(r#""$start.ms.10""#), &["`$start` has no form `.ms.10`"]),
        (in_span(r#""$name:x""#), &["`$name` has no keys"]),
        (in_span(r#"{"$each":"points","as":1}"#), &["`points` is no list that a span has", "events, links"]),
        (in_span(r#"{"$each":"events"}"#), &["needs both"]),
        (in_span(r#"{"$each":"events","as":1,"else":2}"#), &["two members"]),
        (wrong(r#"{"body":[{"$each":"spans","as":1},{"$each":"logs","as":1}]}"#), &["several signals"]),
        (wrong(r#"{"body":{"a":1}}"#), &["no list of spans, logs or metrics"]),
        (wrong(r#"{"path":"/x"}"#), &["`body` is missing"]),
        (wrong(r#"{"path":7,"body":1}"#), &["`path` must be a text"]),
        (wrong(r#"{"boddy":1}"#), &["`boddy` is unknown"]),
        (wrong("[]"), &["expected an object"]),
    ] {
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
}
