//! A pipeline file with one exporter in the place of all: what it does is done, and what comes of it is shown here.

use spanlayer_config::yaml::{self, Key, Node, Scalar, Value};
use std::fmt::Write as _;

/// The variables of which the first that is set names the file.
const PLACES: [&str; 3] =
    ["SPANLAYER_CONFIG", "OPENTELEMETRY_COLLECTOR_CONFIG_URI", "OPENTELEMETRY_COLLECTOR_CONFIG_FILE"];

/// What stands in the place of exporters.
const HERE: &str = "otlphttp/shown-here";

/// The file that a variable names, and its text with everything sent to `endpoint`. `None` where there is none, or none
/// that can be read: the extension says so itself.
pub fn rewired(env: &[(String, String)], endpoint: &str) -> Option<(String, String)> {
    let last =
        |wanted: &str| env.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let place = PLACES.into_iter().find_map(last)?;
    let (name, text) = match place.split_once(':') {
        Some(("env", name)) => (name, last(name)?.to_owned()),
        Some(("yaml", text)) => ("SPANLAYER_CONFIG", text.to_owned()),
        Some(("file", path)) => (path, std::fs::read_to_string(path.trim_start_matches("//")).ok()?),
        _ => (place, std::fs::read_to_string(place).ok()?),
    };
    Some((name.to_owned(), with_one_exporter(&text, endpoint)?))
}

fn with_one_exporter(text: &str, endpoint: &str) -> Option<String> {
    let mut root = yaml::parse(text).ok()?;
    let exporters: Vec<String> =
        root.get("exporters")?.entries().iter().map(|(key, _)| key.name.clone()).collect();
    let text = |text: &str| Scalar { text: text.to_owned(), plain: false, literal: true };
    let at = root.at;
    let node = |value| Node { value, at };
    let map = |name: &str, of: Node| node(Value::Map(vec![(Key { name: name.to_owned(), at }, of)]));
    *member(&mut root, "exporters")? = map(HERE, map("endpoint", node(Value::Scalar(text(endpoint)))));
    let Value::Map(pipelines) = &mut member(member(&mut root, "service")?, "pipelines")?.value else {
        return None;
    };
    for (_, pipeline) in pipelines {
        let Some(Node { value: Value::List(to), .. }) = member(pipeline, "exporters") else { continue };
        let before = to.len();
        to.retain(|one| !one.text().is_some_and(|id| exporters.iter().any(|exporter| exporter == id)));
        if to.len() < before {
            to.push(node(Value::Scalar(text(HERE))));
        }
    }
    let mut out = String::new();
    write(&root, 0, &mut out);
    Some(out)
}

fn member<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().find(|(key, _)| key.name == name).map(|(_, node)| node),
        _ => None,
    }
}

/// Each level in lines of its own, so that what stands without quotes may.
fn write(node: &Node, depth: usize, out: &mut String) {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let _ = match &node.value {
        Value::Null => writeln!(out, " null"),
        Value::Scalar(Scalar { text, plain: true, .. }) => writeln!(out, " {text}"),
        Value::Scalar(Scalar { text, .. }) | Value::Later(text) | Value::Elsewhere(text) => {
            writeln!(out, " {}", quoted(text))
        }
        Value::List(items) if items.is_empty() => writeln!(out, " []"),
        Value::Map(entries) if entries.is_empty() => writeln!(out, " {{}}"),
        Value::List(items) => {
            out.push('\n');
            for item in items {
                let _ = write!(out, "{:depth$}-", "");
                write(item, depth + 2, out);
            }
            Ok(())
        }
        Value::Map(entries) => {
            out.push('\n');
            for (key, node) in entries {
                let _ = write!(out, "{:depth$}{}:", "", quoted(&key.name));
                write(node, depth + 2, out);
            }
            Ok(())
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_exporters_stays() {
        let text = "receivers: {otlp: {protocols: {http: , grpc: }}}\n\
                    processors:\n  filter:\n    traces: {span: ['name == \"a: b\"', \"kind == 1\\n\"]}\n  batch: {}\n\
                    connectors: {forward: }\n\
                    exporters:\n  awss3: {s3uploader: {s3_bucket: b}}\n  debug:\n\
                    service:\n  pipelines:\n    traces/in: {receivers: [otlp], processors: [filter], exporters: [forward, awss3, debug]}\n    \
                    traces/out: {receivers: [forward], exporters: [debug]}\n";
        let env = [("SPANLAYER_CONFIG".to_owned(), format!("yaml:{text}"))];
        let (name, made) =
            rewired(&env, "http://127.0.0.1:4711").unwrap_or_else(|| panic!("nothing was made"));
        assert_eq!(name, "SPANLAYER_CONFIG");
        let (old, new) = (yaml::parse(text).unwrap_or_else(|why| panic!("{why}")), yaml::parse(&made));
        let new = new.unwrap_or_else(|why| panic!("{why}: {made}"));
        let plain = |node: &Node| {
            let mut out = String::new();
            write(node, 0, &mut out);
            out
        };
        for same in ["receivers", "processors", "connectors"] {
            assert_eq!(old.get(same).map(plain), new.get(same).map(plain), "{made}");
        }
        let pipelines = new.get("service").and_then(|service| service.get("pipelines")).map(plain);
        let pipelines = pipelines.unwrap_or_default();
        assert!(pipelines.contains("- forward\n") && !pipelines.contains("awss3"), "{pipelines}");
        assert_eq!(pipelines.matches(HERE).count(), 2, "{pipelines}");
        assert_eq!(rewired(&[], "x"), None);
    }
}
