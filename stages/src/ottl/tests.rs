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

#[test]
fn brackets_without_end_are_refused_and_do_no_harm() {
    for text in ["(".repeat(100_000), "not ".repeat(100_000), "[".repeat(100_000)] {
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
