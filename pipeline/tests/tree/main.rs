//! Drawings of traces, compared with files in `tests/tree/golden`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p spanlayer-pipeline --test tree` writes them anew; read the difference before you keep it.

use spanlayer_host::vars::{Process, Vars};
use spanlayer_pipeline::console::{
    paint::Paint,
    tree::{Event, Kind, Link, Options, Span, Status, render},
};
use std::path::Path;

const NOON: u64 = 1_767_000_000_000_000_000;
const MS: u64 = 1_000_000;

#[track_caller]
fn matches_golden(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tree/golden").join(name);
    if Process.get("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, drawn).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == drawn, "{name} differs; drawn was:\n{drawn}\nexpected:\n{golden}");
}

fn plain() -> Options {
    Options::new(120, Paint::PLAIN)
}

fn verbose() -> Options {
    let mut options = plain();
    options.verbose = true;
    options
}

/// A span of trace 1 that starts `start` and takes `took` milliseconds.
fn span(id: u8, parent: u8, name: &str, start: u64, took: u64) -> Span {
    Span {
        trace_id: [1; 16],
        span_id: [id; 8],
        parent_id: (parent != 0).then_some([parent; 8]),
        name: name.to_owned(),
        start: NOON + start * MS,
        end: NOON + (start + took) * MS,
        service: "orders-api".to_owned(),
        ..Span::default()
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A request with a failing child, an event, a link and attributes of every sort.
fn order() -> Vec<Span> {
    let root = Span {
        kind: Kind::Server,
        attributes: pairs(&[
            ("cloud.region", "eu-central-1"),
            ("order.id", "4711"),
            ("http.response.status_code", "500"),
            ("faas.trigger", "http"),
        ]),
        links: vec![Link { trace_id: [9; 16], span_id: [8; 8] }],
        ..span(1, 0, "POST /orders/{id}", 0, 40)
    };
    let validate = Span { status: Status::Ok, ..span(2, 1, "validate", 1, 2) };
    let query = Span {
        kind: Kind::Client,
        status: Status::Error("timed out after 30 ms".to_owned()),
        attributes: pairs(&[("db.system.name", "dynamodb"), ("error.type", "Timeout")]),
        events: vec![
            Event { name: "retry".to_owned(), time: NOON + 15 * MS, attributes: pairs(&[("attempt", "2")]) },
            Event {
                name: "exception".to_owned(),
                time: NOON + 38 * MS,
                attributes: pairs(&[
                    ("exception.message", "no answer"),
                    ("exception.stacktrace", "at main.rs:1"),
                    ("exception.type", "Timeout"),
                ]),
            },
        ],
        ..span(3, 1, "Query orders", 4, 34)
    };
    let connect = span(4, 3, "connect", 4, 3);
    vec![root, validate, query, connect]
}

#[test]
fn a_trace_shows_who_called_whom_and_what_failed() {
    matches_golden("order.txt", &render(&order(), &plain()));
}

#[test]
fn a_verbose_drawing_shows_ids_and_every_attribute() {
    matches_golden("order-verbose.txt", &render(&order(), &verbose()));
}

#[test]
fn a_terminal_gets_colours() {
    matches_golden("order-coloured.txt", &render(&order(), &Options::new(120, Paint::COLOURED)));
}

#[test]
fn a_narrow_terminal_gets_shorter_lines() {
    let drawn = render(&order(), &Options::new(80, Paint::PLAIN));
    let longest = drawn.lines().skip(1).map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 80, "{longest} columns in\n{drawn}");
    matches_golden("order-narrow.txt", &drawn);
}

#[test]
fn orphans_and_several_roots_are_shown_as_such() {
    let mut spans = vec![span(1, 0, "first root", 0, 10), span(2, 0, "second root", 20, 5)];
    spans.push(span(3, 0xaa, "orphan", 12, 4));
    spans.push(span(4, 3, "child of the orphan", 13, 1));
    matches_golden("orphans.txt", &render(&spans, &plain()));
}

#[test]
fn traces_come_in_the_order_of_their_start_with_the_services_that_took_part() {
    let later =
        Span { trace_id: [0; 16], start: NOON + 500 * MS, end: NOON + 501 * MS, ..span(1, 0, "later", 0, 0) };
    let elsewhere =
        Span { service: "orders-worker".to_owned(), kind: Kind::Consumer, ..span(2, 1, "process", 3, 4) };
    let spans = vec![later, elsewhere, span(1, 0, "earlier", 0, 10)];
    matches_golden("two-traces.txt", &render(&spans, &plain()));
}

#[test]
fn clocks_that_disagree_do_not_break_the_layout() {
    let zero = span(2, 1, "takes no time", 5, 0);
    let early = span(3, 1, "starts before its parent", 0, 2);
    let early = Span { start: NOON - 5 * MS, ..early };
    let backwards = Span { end: NOON + MS, ..span(4, 1, "ends before it starts", 6, 0) };
    let unknown = Span { start: 0, ..span(5, 1, "start unknown", 0, 8) };
    let late = span(6, 1, "outlives its parent", 9, 9);
    let event_before = Event { name: "early bird".to_owned(), time: NOON + 4 * MS, attributes: Vec::new() };
    let zero = Span { events: vec![event_before], ..zero };
    let spans = vec![span(1, 0, "parent", 0, 10), zero, early, backwards, unknown, late];
    matches_golden("clocks.txt", &render(&spans, &plain()));
}

#[test]
fn wide_and_hostile_names_keep_their_column() {
    let names = [
        "注文を作成して在庫を引き当て、支払いを確定し、発送の手配までを行う処理",
        "naïve café 🚀",
        "evil\x1b[2J\nname",
        "",
    ];
    let mut spans = vec![span(1, 0, "root", 0, 10)];
    spans.extend(names.iter().zip(2..).map(|(name, id)| span(id, 1, name, u64::from(id), 1)));
    spans[2].attributes = pairs(&[("note", "two\nlines"), ("ba\x07d", "k")]);
    let drawn = render(&spans, &plain());
    assert!(!drawn.contains('\x1b') && !drawn.contains('\x07'));
    assert_eq!(drawn.lines().count(), 1 + spans.len());
    matches_golden("names.txt", &drawn);
}

#[test]
fn the_order_of_arrival_never_shows() {
    let spans: Vec<Span> = (1..=40).map(|id| span(id, id / 3, "same name, same time", 0, 1)).collect();
    let drawn = render(&spans, &plain());
    let mut shuffled = spans.clone();
    for round in 0..8 {
        shuffled.rotate_left(7 + round);
        shuffled.swap(0, 20);
        assert_eq!(render(&shuffled, &plain()), drawn);
    }
}

#[test]
fn a_span_delivered_twice_is_drawn_once_and_counted() {
    let spans = [order(), order()].concat();
    let drawn = render(&spans, &plain());
    assert!(drawn.contains("4 spans, 40.0 ms, 4 duplicates left out"), "{drawn}");
    assert_eq!(drawn.matches("Query orders").count(), 1);
}

#[test]
fn spans_that_are_each_others_ancestors_are_drawn_once() {
    let mut spans = vec![span(1, 0, "root", 0, 9), span(2, 3, "hen", 1, 1), span(3, 2, "egg", 2, 1)];
    spans.push(span(4, 4, "its own parent", 3, 1));
    matches_golden("circles.txt", &render(&spans, &plain()));
}

#[test]
fn a_very_deep_trace_is_drawn_whole() {
    let mut spans = vec![span(1, 0, "level", 0, 9)];
    for level in 2..=5_000u64 {
        let id = |level: u64| if level == 1 { [1; 8] } else { level.to_be_bytes() };
        spans.push(Span { span_id: id(level), parent_id: Some(id(level - 1)), ..span(9, 0, "level", 1, 1) });
    }
    let drawn = render(&spans, &plain());
    assert_eq!(drawn.lines().count(), 5_001);
    let first: Vec<&str> = drawn.lines().take(16).collect();
    matches_golden("deep.txt", &(first.join("\n") + "\n"));
}

#[test]
fn no_spans_are_no_text() {
    assert_eq!(render(&[], &plain()), "");
}
