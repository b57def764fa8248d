use saphyr_parser::{Event, Parser, ScalarStyle};

use super::*;

/// What an independent reader makes of a text; `None` if it refuses it.
fn reference(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut named: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.ok()?;
        let start = out.len();
        match event {
            Event::DocumentStart(_) => documents += 1,
            Event::Scalar(text, style, anchor, _) => {
                let null = matches!(text.as_ref(), "" | "~" | "null") && style == ScalarStyle::Plain;
                out.push_str(&if null { "null ".to_owned() } else { format!("{text:?} ") });
                named.push((anchor, start..out.len()));
            }
            Event::Alias(name) => {
                let (_, range) = named.iter().rev().find(|(known, _)| *known == name)?.clone();
                let again = out[range].to_owned();
                out.push_str(&again);
            }
            Event::SequenceStart(anchor, _) => {
                open.push((anchor, start));
                out.push_str("[ ");
            }
            Event::MappingStart(anchor, _) => {
                open.push((anchor, start));
                out.push_str("{ ");
            }
            Event::SequenceEnd | Event::MappingEnd => {
                out.push_str(if event == Event::SequenceEnd { "] " } else { "} " });
                let (anchor, start) = open.pop()?;
                named.push((anchor, start..out.len()));
            }
            _ => {}
        }
    }
    if documents == 0 {
        out.push_str("null ");
    }
    (documents < 2).then_some(out)
}

fn shown(node: &Node) -> String {
    match &node.value {
        Value::Null => "null ".to_owned(),
        Value::Scalar(scalar) => format!("{:?} ", scalar.text),
        Value::Later(text) | Value::Elsewhere(text) => text.clone(),
        Value::List(items) => format!("[ {}] ", items.iter().map(shown).collect::<String>()),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{:?} {}", key.name, shown(node)));
            format!("{{ {}}} ", entries.collect::<String>())
        }
    }
}

#[track_caller]
fn agree(text: &str) {
    let ours = parse(text).map(|node| shown(&node)).map_err(|problem| problem.to_string());
    assert_eq!(ours, Ok(reference(text).unwrap_or_else(|| panic!("the reference refuses {text}"))), "{text}");
}

#[test]
fn what_people_write_is_read_as_the_reference_reads_it() {
    for text in CORPUS {
        agree(text);
        agree(&text.replace('\n', "\r\n"));
        agree(&format!("# first\n---\n{text}\n"));
    }
}

#[test]
fn random_trees_in_random_styles_are_read_as_the_reference_reads_them() {
    let mut seed = 7;
    for _ in 0..3000 {
        let mut text = String::new();
        write_block(&mut text, &mut seed, 0, 0);
        agree(&text);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_to_do() {
    let mut failed = String::new();
    for (text, line, column, says) in WRONG {
        let told =
            parse(text).map_or_else(|problem| problem, |_| Problem::error(At::default(), "nothing", ""));
        let right = (told.at.line, told.at.column) == (*line, *column) && told.what.contains(says);
        if !right || told.remedy.is_empty() {
            failed.push_str(&format!("{text:?}: {told}\n"));
        }
    }
    assert_eq!(failed, "");
}

#[test]
fn no_text_makes_it_panic_or_run_for_long() {
    let mut seed = 11;
    let pieces = [
        "a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", "\"", "'", "#", "|", ">", "&x", "*x ", "<<", "!",
        ",", "\t", "é", "?", "${env:A}", "---", "\\",
    ];
    for _ in 0..20_000 {
        let text: String =
            (0..random(&mut seed, 24)).map(|_| pieces[random(&mut seed, pieces.len())]).collect();
        let _ = parse(&text);
    }
    let deep = "[".repeat(100_000);
    assert!(parse(&deep).unwrap_err().what.contains("deeply"));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(10)));
    }
    assert!(parse(&bomb).unwrap_err().what.contains("too much"));
    let long = format!("a: &a {}\nb: [{}x]\n", "x".repeat(100_000), "*a,".repeat(10_000));
    assert!(parse(&long).unwrap_err().what.contains("too much"));
    let within: String = (0..60).map(|n| format!("&a{n} [")).collect();
    let within = format!("a: {within}{}{}\n", "x".repeat(100_000), "]".repeat(60));
    assert!(parse(&within).unwrap_err().what.contains("too much"));
    let usual = format!("a: &a {{{}}}\nb: [{}x]\n", "k: v, q: v", "*a,".repeat(3000));
    assert_eq!(parse(&usual).unwrap().get("b").unwrap().items().len(), 3001);
}

#[test]
fn merged_members_are_added_unless_they_are_there() {
    let text = "base: &b {a: 1, c: 2}\nmore: &m {d: 3}\none:\n  <<: *b\n  a: 9\ntwo: {<<: [*b, *m]}\n";
    let node = parse(text).unwrap();
    assert_eq!(shown(node.get("one").unwrap()), "{ \"a\" \"9\" \"c\" \"2\" } ");
    assert_eq!(shown(node.get("two").unwrap()), "{ \"a\" \"1\" \"c\" \"2\" \"d\" \"3\" } ");
}

#[test]
fn places_count_characters_and_name_the_whole_text() {
    let node = parse("é:\n  - ü: \"wörld\"\n    plain: a b\n").unwrap();
    let item = &node.get("é").unwrap().items()[0];
    let at = |line, column, width| At { line, column, width };
    assert_eq!(item.get("ü").unwrap().at, at(2, 8, 7));
    assert_eq!(item.get("plain").unwrap().at, at(3, 12, 3));
    assert_eq!(item.entries()[1].0.at, at(3, 5, 5));
}

#[test]
fn references_may_stand_in_brackets() {
    let node = parse("a: [${env:X}, ${env:Y:-${env:Z:-d}}]\nb: {c: ${file:/a,b}}\n").unwrap();
    let texts: Vec<_> = node.get("a").unwrap().items().iter().filter_map(Node::text).collect();
    assert_eq!(texts, ["${env:X}", "${env:Y:-${env:Z:-d}}"]);
    assert_eq!(node.get("b").unwrap().get("c").unwrap().text(), Some("${file:/a,b}"));
}

fn random(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % below.max(1)
}

const TEXTS: &[&str] = &[
    "a",
    "a b",
    "true",
    "1.5",
    "0x1F",
    "http://h:1/p?q=1",
    "a#b",
    "it's",
    "say \"x\"",
    "- x",
    "a: b",
    "",
    "~",
    " lead",
    "[x]",
    "{y}",
    "*z",
    "&z",
    "!t",
    "%d",
    "@v",
    "`b`",
    "tab\there",
    "two\nlines",
    "trail\n",
    "é→x",
    "a,b",
    "x:",
    "# c",
    "\\d+\\s$",
];

fn write_scalar(out: &mut String, seed: &mut u64) {
    let text = TEXTS[random(seed, TEXTS.len())];
    let plain = text.chars().all(|c| c.is_alphanumeric() || "./_?=".contains(c)) && !text.is_empty();
    match random(seed, 3) {
        0 if plain => out.push_str(text),
        1 if !text.contains('\n') => {
            out.push('\'');
            out.push_str(&text.replace('\'', "''"));
            out.push('\'');
        }
        _ => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            out.push('"');
            out.push_str(&escaped.replace('\n', "\\n").replace('\t', "\\t"));
            out.push('"');
        }
    }
}

fn write_flow(out: &mut String, seed: &mut u64, depth: usize) {
    let break_here = |out: &mut String, seed: &mut u64| {
        if random(seed, 4) == 0 {
            out.push('\n');
            out.push_str(&" ".repeat(60));
        }
    };
    match random(seed, if depth > 2 { 1 } else { 3 }) {
        0 => write_scalar(out, seed),
        1 => {
            out.push('[');
            for n in 0..random(seed, 4) {
                out.push_str(if n > 0 { ", " } else { "" });
                break_here(out, seed);
                write_flow(out, seed, depth + 1);
            }
            out.push(']');
        }
        _ => {
            out.push('{');
            for n in 0..random(seed, 4) {
                out.push_str(if n > 0 { ", " } else { "" });
                break_here(out, seed);
                out.push_str(&format!("k{n}: "));
                write_flow(out, seed, depth + 1);
            }
            out.push('}');
        }
    }
}

fn write_literal(out: &mut String, seed: &mut u64, indent: usize) {
    out.push_str(["|", ">", "|-", ">-", "|+", ">+"][random(seed, 6)]);
    out.push('\n');
    for n in 0..=random(seed, 4) {
        match random(seed, 4) {
            0 if n > 0 => out.push('\n'),
            1 if n > 0 => out.push_str(&format!("{}  further\n", " ".repeat(indent + 2))),
            _ => out.push_str(&format!("{}line {n} # no comment\n", " ".repeat(indent + 2))),
        }
    }
}

fn write_block(out: &mut String, seed: &mut u64, indent: usize, depth: usize) {
    let pad = " ".repeat(indent);
    let is_map = random(seed, 2) == 0;
    for n in 0..=random(seed, 3) {
        if random(seed, 6) == 0 {
            out.push_str(&format!("{pad}# a comment\n\n"));
        }
        out.push_str(&pad);
        out.push_str(&if is_map { format!("key{n}:") } else { "-".to_owned() });
        match random(seed, if depth > 3 { 3 } else { 6 }) {
            0 => out.push('\n'),
            1 => {
                out.push(' ');
                write_flow(out, seed, 0);
                out.push_str(if random(seed, 3) == 0 { " # why\n" } else { "\n" });
            }
            2 => {
                out.push(' ');
                write_literal(out, seed, indent);
            }
            3 if !is_map => {
                // The element begins beside its dash.
                let mut inner = String::new();
                write_block(&mut inner, seed, indent + 2, depth + 1);
                if inner.trim_start().starts_with('#') {
                    out.push('\n');
                    out.push_str(&inner);
                } else {
                    out.push(' ');
                    out.push_str(inner.trim_start());
                }
            }
            4 if is_map => {
                out.push('\n');
                let mut inner = String::new();
                write_block(&mut inner, seed, indent, depth + 1);
                // Elements may be indented as the key is; members may not.
                if inner.trim_start_matches(|c| c != '-' && c != 'k').starts_with('-') {
                    out.push_str(&inner);
                } else {
                    out.push_str(&format!("{pad}  x: y\n"));
                }
            }
            _ => {
                out.push('\n');
                let further = 1 + random(seed, 4);
                write_block(out, seed, indent + further, depth + 1);
            }
        }
    }
}

const CORPUS: &[&str] = &[
    "a: 1",
    "",
    "# nothing\n",
    "plain",
    "- a\n- b: c\n  d: e\n-\n  f: g\n- - x\n  - y\n",
    "a:\n- x\n- y\nb: z\n",
    "a:\n  b:\n    c: d\n  e:\nf: ~\n",
    "a: [x, y: z, {k: v, w}, [ ], { }]\n",
    "a: [\n  x, # one\n  y,\n]\nb: c\n",
    "a: \"x\\ty\\u00e9\\x41 \\\n   z\"\nb: 'it''s\n  folded\n\n  twice'\n",
    "a: one\n  two\n\n  three\nb: c\n",
    "a: http://h:1/p#x\nb: a#b # c\nc: x:y\n",
    "a: |\n  x\n   y\n\n  z\n\n\nb: >-\n  x\n  y\n\n  z\n    k\n  l\n",
    "a: |2\n    x\n  y\nb: |+\n  x\n\nc: |\n",
    "- |\n x\n- >\n y\n z\n",
    "\"quoted key\": 1\n'other': 2\nwith space: 3\na/b: 4\n",
    "a: &x {b: c}\nd: *x\ne: [*x, &y z, *y]\n",
    "a: &x\n  b: c\nd: *x\n",
    "a: !!str 5\nb: ! x\n",
    "{a: b, \"c\": d}\n",
    "[a, b]\n",
    "a: b\n...\n",
    "processors:\n  filter/a:\n    traces:\n      span:\n        - 'attributes[\"x\"] == \"y\"'\n        - IsMatch(name, \"^/health\")\n",
    "a: -1\nb: -x\nc: ?x\nd: :x\n",
    "a: x - y\nb: x:y\n",
];

/// Text, line, column, and what is said.
const WRONG: &[(&str, u32, u32, &str)] = &[
    ("a: b: c", 1, 5, "inside a value"),
    ("a: b\n  c: d", 2, 4, "inside a value"),
    ("a:\n  b: 1\n c: 2", 3, 2, "indented further"),
    ("a:\n  b: 1\n    c: 2", 3, 6, "inside a value"),
    ("a: 1\nb", 2, 1, "expected `key: value`"),
    ("a: 1\na: 2", 2, 1, "set twice: first in line 1"),
    ("a: {b: 1, b: 2}", 1, 11, "set twice"),
    ("a: [x, y", 1, 4, "`]` is missing"),
    ("a: [x\nb: c", 1, 4, "`]` is missing"),
    ("a: {x: 1\nb: c}", 1, 4, "`}` is missing"),
    ("a: [\"x\" y]", 1, 9, "expected `,` or `]`"),
    ("a: \"x", 1, 4, "does not end"),
    ("a: 'x' y", 1, 8, "more follows"),
    ("a: \"\\q\"", 1, 5, "an escape"),
    ("\ta: 1", 1, 1, "a tab"),
    ("a:\n\tb: 1", 2, 1, "a tab"),
    ("a: *x", 1, 4, "stands for nothing"),
    ("a: !x y", 1, 4, "the tag"),
    ("? a\n: b", 1, 1, "several parts"),
    ("a: 1\n---\nb: 2", 2, 1, "second document"),
    ("%YAML 1.2\n---\na: 1", 1, 1, "directive"),
    ("a: @x", 1, 4, "begin with `@`"),
    ("a: %x", 1, 4, "begin with `%`"),
    ("a: ]", 1, 4, "without anything"),
    ("a: - b", 1, 4, "a list begins behind a key"),
    ("a: | x\n  y", 1, 6, "text follows"),
    ("a:\n  - x\n  b: c", 3, 3, "indented further"),
    ("a:\n  - x\n    - y: z", 3, 8, "inside a value"),
];
