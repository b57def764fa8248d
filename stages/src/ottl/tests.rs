//! What is told of texts that are wrong. What right ones mean is in the table that the Collector sees as well
//! (`stages/tests/ottl.rs`).

use super::*;

fn fault(text: &str, context: Context) -> (usize, usize, String, String) {
    let fault = match is_statement(text) {
        true => Statement::compile(text, context).unwrap_err(),
        false => Condition::compile(text, context).unwrap_err(),
    };
    (fault.at, fault.width, fault.what, fault.remedy)
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_is_likely_meant() {
    for (text, at, width, remedy) in [
        (r#"nmae == "x""#, 0, 4, "did you mean `name`?"),
        (r#"name == "x" and atributes["a"] == 1"#, 16, 9, "did you mean `attributes`?"),
        (r#"status.cod == 1"#, 7, 3, "did you mean `code`?"),
        (r#"span.kindd == 1"#, 5, 5, "did you mean `kind`?"),
        (r#"kind == SPAN_KIND_SEVER"#, 8, 15, "did you mean `SPAN_KIND_SERVER`?"),
        (r#"IsMatc(name, "x")"#, 0, 6, "did you mean `IsMatch`?"),
        (r#"IsMatch(name)"#, 0, 7, "it takes target, pattern"),
        (r#"IsMatch(name, "(")"#, 14, 3, "correct the pattern"),
        (r#"IsMatch(name, "x", 1)"#, 19, 1, "`IsMatch` takes target, pattern"),
        (r#"name = "x""#, 5, 1, "write `==`"),
        (r#"name == 'x'"#, 8, 1, "put texts in double quotes: \"…\""),
        (r#"name == "x" && true"#, 12, 1, "write `and`"),
        (r#"name == "x"#, 8, 2, "close it with a double quote"),
        (r#"IsMatch(name, "a\.b")"#, 16, 2, "write `\\\\.` for a backslash and `.`"),
        (r#"(name == "x""#, 12, 1, "expected `)`"),
        (r#"attributes["x"]"#, 0, 10, "compare it, as in `… == true`"),
        (r#"name == "x" kind == 1"#, 12, 4, "write `and` or `or` between conditions"),
        (r#"log.body == "x""#, 0, 3, "begin with `span.`"),
        (r#"resources.attributes["x"] == 1"#, 0, 9, "did you mean `resource`?"),
        (r#"resource["x"] == 1"#, 0, 8, "write `resource.attributes[\"…\"]`, or another path after a point"),
        (r#"http.route == "/""#, 0, 4, "write `attributes[\"http.route\"]` for an attribute"),
        (r#"events == nil"#, 0, 6, "use the context `spanevent`"),
        (r#"name["x"] == nil"#, 0, 4, "take `[…]` out"),
        (r#"set(name, "x") were true"#, 15, 4, "write `where` before a condition"),
        (r#"set(name)"#, 8, 1, "expected `,` and value"),
        (r#"set("name", 1)"#, 4, 6, "expected a path to what is to be changed"),
        (r#"delete_key(attributes, ky="x")"#, 23, 2, "did you mean `key`?"),
        ("", 0, 1, "expected a value: a path, a text in double quotes, a number, true, false or nil"),
    ] {
        let found = fault(text, Context::Span);
        assert_eq!((found.0, found.1, found.3.as_str()), (at, width, remedy), "{text}: {}", found.2);
    }
}

/// As `fault`, in one line: what the Collector refuses when it starts.
const REFUSED: &[(&str, &str)] = &[
    (
        r#"keep_keys(attributes, "a")"#,
        r#"22+3: `keys` is a list, and this is a text; put it in brackets: `["…"]`"#,
    ),
    (r#"keep_keys(attributes, ["a", 1])"#, r#"22+1: `keys` is a list of texts; put each in double quotes"#),
    (r#"limit(attributes, -1, [])"#, r#"0+5: `limit` fails: a count is negative; correct what it is given"#),
    (
        r#"limit(attributes, 1, ["a", "b"])"#,
        r#"0+5: `limit` fails: there are more priority keys than the limit; correct what it is given"#,
    ),
    (
        r#"limit(attributes, "1", [])"#,
        r#"18+3: `limit` is a whole number, and this is a text; write it without quotes"#,
    ),
    (
        r#"truncate_all(attributes, 1.5)"#,
        r#"25+3: `limit` is a whole number, and this is a number; write a whole number"#,
    ),
    (
        r#"replace_all_patterns(attributes, "kee", "a", "b")"#,
        r#"33+5: `mode` is one of a few words; write "key" or "value""#,
    ),
    (
        r#"replace_all_patterns(attributes, name, "a", "b")"#,
        r#"33+4: `mode` is one of a few words; write "key" or "value""#,
    ),
    (
        r#"replace_pattern(name, "a", 1)"#,
        r#"27+1: `replacement` is a text, and this is a whole number; put it in double quotes"#,
    ),
    (
        r#"delete_key(attributes, 1)"#,
        r#"23+1: `key` is a text, and this is a whole number; put it in double quotes"#,
    ),
    (
        r#"delete_matching_keys(attributes, "(")"#,
        r#"33+3: this is no regular expression: found open group without closing ')'; correct the pattern"#,
    ),
    (
        r#"merge_maps(attributes, attributes, "ups")"#,
        r#"35+5: `strategy` is one of a few words; write "insert" or "update" or "upsert""#,
    ),
    (
        r#"set(name, ConvertCase(name, "lowe"))"#,
        r#"28+6: `toCase` is one of a few words; write "lower" or "upper" or "snake" or "camel""#,
    ),
    (
        r#"set(name, Concat("a", ","))"#,
        r#"17+3: `vals` is a list, and this is a text; put it in brackets: `["…"]`"#,
    ),
    (
        r#"set(name, Substring(name, "a", 1))"#,
        r#"26+3: `start` is a whole number, and this is a text; write a whole number"#,
    ),
    (
        r#"set(name, SHA256(1))"#,
        r#"17+1: `value` is a text, and this is a whole number; put it in double quotes"#,
    ),
    (
        r#"set(name, Trim(name, 1))"#,
        r#"21+1: `replacement` is a text, and this is a whole number; put it in double quotes"#,
    ),
    (
        r#"Duration(5) == Duration("5s")"#,
        r#"9+1: `duration` is a text, and this is a whole number; put it in double quotes"#,
    ),
    (
        r#"Hours(5) == 5"#,
        r#"6+1: `duration` is a duration, and this is a whole number; write `Duration("1s")`, or one time minus another"#,
    ),
    (r#"UnixNano(5) == 5"#, r#"9+1: `time` is a time, and this is a whole number; write a time"#),
    (r#"Bool("x") == true"#, r#"0+4: `Bool` fails: this text is no truth value; correct what it is given"#),
    (
        r#"trace_id == TraceID(0x01)"#,
        r#"12+7: `TraceID` fails: an id has 16 bytes; correct what it is given"#,
    ),
    (
        r#"span_id == SpanID("+1+1+1+1+1+1+1+1")"#,
        r#"11+6: `SpanID` fails: an id has 8 bytes; correct what it is given"#,
    ),
    (
        r#"end_time - start_time > Duration("1 s")"#,
        r#"24+8: `Duration` fails: this is no duration such as 1m30s; correct what it is given"#,
    ),
    (r#"name == "a" + 1"#, r#"8+3: a text is nothing to reckon with; texts are joined by `Concat([…], "")`"#),
    (r#"Len(name)"#, r#"0+3: this is a whole number, and no condition; compare it"#),
];

/// What the Collector finds out at work: never the same, or an error each time.
const DOUBTED: &[(&str, &str)] = &[
    (
        r#"set(trace_id, 5)"#,
        r#"14+1: this is a whole number, and what is set takes bytes or an id; write `TraceID(0x…)` or `SpanID(0x…)`, or `.string` after the path"#,
    ),
    (
        r#"set(trace_id, "0102030405060708090a0b0c0d0e0f10")"#,
        r#"14+34: this is a text, and what is set takes bytes or an id; write `TraceID(0x…)` or `SpanID(0x…)`, or `.string` after the path"#,
    ),
    (
        r#"set(status.code, "ERROR")"#,
        r#"17+7: this is a text, and what is set takes a whole number; write `STATUS_CODE_ERROR`, without quotes"#,
    ),
    (
        r#"set(status.code, "bad")"#,
        r#"17+5: this is a text, and what is set takes a whole number; write a symbol, such as `STATUS_CODE_ERROR`"#,
    ),
    (
        r#"set(status.code, nil)"#,
        r#"17+3: this is nil, and what is set takes a whole number; what is absent is empty or zero here: write that"#,
    ),
    (
        r#"set(name, 5)"#,
        r#"10+1: this is a whole number, and what is set takes a text; put it in double quotes"#,
    ),
    (
        r#"set(name, kind)"#,
        r#"10+4: this is a whole number, and what is set takes a text; write `String(…)`"#,
    ),
    (r#"set(attributes, "x")"#, r#"16+3: this is a text, and what is set takes a map; write a map"#),
    (
        r#"set(dropped_attributes_count, "5")"#,
        r#"30+3: this is a text, and what is set takes a whole number; write it without quotes"#,
    ),
    (
        r#"delete_key(name, "a")"#,
        r#"11+4: `delete_key` changes a map, and this is a text; name another path"#,
    ),
    (
        r#"replace_pattern(attributes, "a", "b")"#,
        r#"16+10: `replace_pattern` changes a text, and this is a map; name another path"#,
    ),
    (
        r#"merge_maps(attributes, name, "upsert")"#,
        r#"23+4: `source` is a map, and this is a text; write a map"#,
    ),
    (
        r#"set(name, ConvertCase(kind, "lower"))"#,
        r#"22+4: `target` is a text, and this is a whole number; write `String(…)`"#,
    ),
    (
        r#"set(attributes["d"], Len(kind))"#,
        r#"25+4: `target` is a text or bytes or an id or a list or a map, and this is a whole number; write `String(…)`"#,
    ),
    (
        r#"set(attributes["d"], UnixNano(start_time_unix_nano))"#,
        r#"30+20: `time` is a time, and this is a whole number; write a time"#,
    ),
    (
        r#"set(attributes["d"], name * 2)"#,
        r#"21+4: a text is nothing to reckon with; texts are joined by `Concat([…], "")`"#,
    ),
    (
        r#"kind == "SPAN_KIND_SERVER""#,
        r#"8+18: a whole number and a text are never the same; write `SPAN_KIND_SERVER`, without quotes"#,
    ),
    (
        r#""server" == kind"#,
        r#"0+8: a whole number and a text are never the same; write `SPAN_KIND_SERVER`, without quotes"#,
    ),
    (
        r#"status.code == "Error""#,
        r#"15+7: a whole number and a text are never the same; write `STATUS_CODE_ERROR`, without quotes"#,
    ),
    (r#"name == 5"#, r#"8+1: a text and a whole number are never the same; put it in double quotes"#),
    (
        r#"name != nil"#,
        r#"8+3: a text and nil are never the same; what is absent is empty or zero here: write that"#,
    ),
    (
        r#"parent_span_id == nil"#,
        r#"18+3: an id and nil are never the same; what is absent is empty or zero here: write that"#,
    ),
    (
        r#"trace_id == "abc""#,
        r#"12+5: an id and a text are never the same; write `TraceID(0x…)` or `SpanID(0x…)`, or `.string` after the path"#,
    ),
    (r#"start_time > 5"#, r#"13+1: a time and a whole number are never the same; write a time"#),
    (
        r#"end_time - start_time > "1s""#,
        r#"24+4: a whole number or a number or a time or a duration and a text are never the same; write `Duration("1s")`, or one time minus another"#,
    ),
    (
        r#"IsMatch(name, "x") == "true""#,
        r#"22+6: a truth value and a text are never the same; write a truth value"#,
    ),
    (
        r#"(Len(name) == "4") and (kind == 2 or (name) == 1)"#,
        r#"14+3: a whole number and a text are never the same; write it without quotes | 47+1: a text and a whole number are never the same; put it in double quotes"#,
    ),
];

#[test]
fn what_cannot_work_is_refused_or_warned_of_with_its_place_and_what_would() {
    for (text, told) in REFUSED {
        let (at, width, what, remedy) = fault(text, Context::Span);
        assert_eq!(format!("{at}+{width}: {what}; {remedy}"), *told, "{text}");
    }
    for (text, told) in DOUBTED {
        let warnings = match is_statement(text) {
            true => Statement::compile(text, Context::Span).map(|made| made.warnings().to_vec()),
            false => Condition::compile(text, Context::Span).map(|made| made.warnings().to_vec()),
        };
        let warnings = warnings.unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let each =
            warnings.iter().map(|one| format!("{}+{}: {}; {}", one.at, one.width, one.what, one.remedy));
        assert_eq!(each.collect::<Vec<_>>().join(" | "), *told, "{text}");
    }
}

#[test]
fn what_may_work_is_not_warned_of() {
    for text in [
        r#"set(attributes["a"], 5)"#,
        r#"set(attributes["a"], nil)"#,
        r#"set(kind.string, "Server")"#,
        r#"set(trace_id.string, "0102030405060708090a0b0c0d0e0f10")"#,
        r#"set(trace_id, TraceID("0102030405060708090a0b0c0d0e0f10"))"#,
        r#"set(status.code, STATUS_CODE_OK)"#,
        r#"set(status.code, attributes["code"])"#,
        r#"set(start_time_unix_nano, 5)"#,
        r#"limit(attributes, 2, ["a", "b"])"#,
        r#"keep_keys(attributes["map"], ["a"])"#,
        r#"merge_maps(attributes, attributes["map"], "upsert")"#,
        r#"set(attributes["took"], Milliseconds(end_time - start_time))"#,
        r#"set(attributes["took"], (end_time_unix_nano - start_time_unix_nano) / 1000000)"#,
    ] {
        let made = Statement::compile(text, Context::Span).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(made.warnings(), [], "{text}");
    }
    for text in [
        r#"kind == 2.0 and attributes["a"] == 5 and attributes["a"] == nil"#,
        r#"end_time - start_time > Duration("1s") and Len(attributes) > 3"#,
        r#"parent_span_id == SpanID(0x0000000000000000) and IsRootSpan()"#,
        r#"(kind) == SPAN_KIND_SERVER and Int(attributes["n"]) != nil"#,
        r#"attributes["a"]["b"][0] == "x" and IsMatch(kind, "2") == true"#,
    ] {
        let made = Condition::compile(text, Context::Span).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(made.warnings(), [], "{text}");
    }
}

#[test]
fn brackets_without_end_are_refused_and_do_no_harm() {
    for text in [
        "(".repeat(100_000),
        "not ".repeat(100_000),
        "[".repeat(100_000),
        format!("1{} > 0", "+1".repeat(100_000)),
    ] {
        assert!(Condition::compile(&text, Context::Span).is_err());
    }
}

#[test]
fn contexts_are_found_where_paths_begin() {
    use Context::{Resource, Scope, Span};
    let text = r#"set(span.attributes["x"], "resource.y") where instrumentation_scope.name == resource.attributes["span.x"]"#;
    assert_eq!(contexts(text), [Resource, Scope, Span]);
    assert_eq!(contexts(r#"attributes["x"] == 1"#), []);
}

#[test]
fn every_name_that_can_be_written_is_taken() {
    for (context, texts) in [
        (
            Context::Span,
            &[
                "kind.string == \"Server\"",
                "trace_id.string == \"\"",
                "end_time - start_time > Duration(\"1s\")",
            ][..],
        ),
        (
            Context::SpanEvent,
            &["name == \"exception\" and span.name == \"x\" and resource.attributes[\"y\"] == nil"],
        ),
        (Context::Log, &["severity_number >= SEVERITY_NUMBER_ERROR and body == nil and body.string == \"\""]),
        (
            Context::DataPoint,
            &["metric.name == \"x\" and value_int > 1 and count == 0 and attributes[\"k\"] == nil"],
        ),
        (Context::Metric, &["type == METRIC_DATA_TYPE_SUM and is_monotonic and true"]),
        (Context::Resource, &["attributes[\"x\"] == {\"a\": [1, 2.5, 0xff]}"]),
        (Context::Scope, &["name == \"x\" and version == \"1\" and resource.attributes[\"x\"] != nil"]),
    ] {
        for text in texts {
            let made = Condition::compile(text, context);
            match text.contains("is_monotonic and") {
                true => assert_eq!(made.unwrap_err().remedy, "compare it, as in `… == true`"),
                false => _ = made.unwrap_or_else(|fault| panic!("{text}: {fault}")),
            }
        }
    }
}
