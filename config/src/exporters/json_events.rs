//! The shape of JSON: a preset, or a template.

use spanlayer_otlp::json::text::quoted;
use spanlayer_pipeline::Mapping;

use crate::{
    declared::Declared,
    options::section::Section,
    problem::Problem,
    yaml::{Node, Value},
};

pub(super) fn mapping(
    one: &Declared<'_>,
    section: Section<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Mapping> {
    let made = match section.node("template") {
        Some(template) => {
            let mut json = "{\"body\":".to_owned();
            write(&mut json, template);
            json.push('}');
            match json.parse::<Mapping>() {
                Ok(mapping) => mapping,
                Err(why) => {
                    let path = format!("{}::template", one.path());
                    let at = template.at;
                    problems
                        .push(Problem::error(at, "the template cannot be used", in_words(&why)).about(path));
                    return None;
                }
            }
        }
        None => preset(one, section, problems)?,
    };
    Some(match section.text("path") {
        Some(path) => made.at(path),
        None => made,
    })
}

fn preset(one: &Declared<'_>, section: Section<'_>, problems: &mut Vec<Problem>) -> Option<Mapping> {
    let name = section.text("preset")?;
    let project = section.text("project");
    if name.ends_with("events") && project.is_none() && !section.is_later("project") {
        let remedy = "add `project: …`, or choose another preset";
        let what = format!("the preset `{name}` needs `project`");
        problems.push(Problem::error(one.at, what, remedy).about(one.path()));
        return None;
    }
    let project = project.unwrap_or_default();
    Some(match name.as_str() {
        "compact_events" => Mapping::compact_events(&project),
        "spans_with_resource" => Mapping::spans_with_resource(),
        "span_array" => Mapping::span_array(),
        "span_lines" => Mapping::span_lines(),
        "metrics" => Mapping::metrics(),
        _ => Mapping::events(&project),
    })
}

/// Without the place in a text that the user has not written.
fn in_words(why: &str) -> String {
    why.split(" at line ").next().unwrap_or_default().to_owned()
}

/// A value as JSON.
fn write(out: &mut String, node: &Node) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Later(text) | Value::Elsewhere(text) => quoted(out, text),
        Value::Scalar(scalar) if scalar.plain && is_json(&scalar.text) => out.push_str(&scalar.text),
        Value::Scalar(scalar) => quoted(out, &scalar.text),
        Value::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                write(out, item);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (n, (key, node)) in entries.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                quoted(out, &key.name);
                out.push(':');
                write(out, node);
            }
            out.push('}');
        }
    }
}

/// Numbers and truth values that are the same in both.
fn is_json(text: &str) -> bool {
    let number = || {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let leading = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        let whole = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.ends_with(|c: char| c.is_ascii_digit());
        whole && !leading && text.parse::<f64>().is_ok()
    };
    matches!(text, "true" | "false") || number()
}
