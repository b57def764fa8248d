//! The table of components for others: a JSON schema for editors, tables for the guide.

use std::fmt::Write as _;

use spanlayer_otlp::json::text::quoted;

use crate::{
    components::{Role, service},
    options::{Fate, Kind, Opt},
};

/// A JSON schema (draft 2020-12) of pipeline files.
pub fn schema() -> String {
    let mut out = String::from("{\n\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n");
    out.push_str(
        "\"title\":\"Spanlayer pipeline file\",\n\"type\":\"object\",\n\"required\":[\"service\"],\n",
    );
    out.push_str("\"additionalProperties\":false,\n\"properties\":{\n");
    for role in Role::ALL {
        let _ = write!(
            out,
            "\"{}\":{{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,",
            role.section()
        );
        out.push_str("\"patternProperties\":{\n");
        for (n, one) in role.components().iter().enumerate() {
            let names: Vec<&str> = one.also.iter().copied().chain([one.name]).collect();
            let _ = write!(out, "{}\"^({})(/.+)?$\":", if n > 0 { ",\n" } else { "" }, names.join("|"));
            section(&mut out, one.options, one.about);
        }
        out.push_str("}},\n");
    }
    let ids = "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"}}";
    let pipeline = format!(
        "{{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"receivers\",\"exporters\"],\
         \"properties\":{{\"receivers\":{ids},\"processors\":{ids},\"exporters\":{ids}}}}}"
    );
    let _ = write!(
        out,
        "\"service\":{{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"pipelines\"],\"properties\":{{\
         \"extensions\":{ids},\n\"pipelines\":{{\"type\":\"object\",\"additionalProperties\":false,\
         \"patternProperties\":{{\"^(traces|metrics|logs)(/.+)?$\":{pipeline}}}}},\n\"telemetry\":"
    );
    section(&mut out, service::TELEMETRY, "how the extension tells of itself");
    out.push_str("}}\n}\n}\n");
    out
}

fn section(out: &mut String, options: &[Opt], about: &str) {
    out.push_str("{\"type\":[\"object\",\"null\"],\"description\":");
    quoted(out, about);
    out.push_str(",\"additionalProperties\":false,\"properties\":{");
    for (n, opt) in options.iter().filter(|opt| !matches!(opt.fate, Fate::Refused | Fate::Fatal)).enumerate()
    {
        out.push_str(if n > 0 { ",\n" } else { "\n" });
        quoted(out, opt.name);
        out.push(':');
        match opt.kind {
            Kind::Section(within) => section(out, within, opt.about),
            Kind::Sections(within) => {
                out.push_str("{\"type\":\"array\",\"items\":");
                section(out, within, opt.about);
                out.push('}');
            }
            _ => value(out, opt),
        }
    }
    out.push_str("}}");
}

/// A reference such as `${env:X}` may stand for anything.
fn value(out: &mut String, opt: &Opt) {
    let reference = "{\"type\":\"string\",\"pattern\":\"\\\\$\"}";
    let own = match &opt.kind {
        Kind::Bool => "{\"type\":\"boolean\"}".to_owned(),
        Kind::Whole(min, u64::MAX) => format!("{{\"type\":\"integer\",\"minimum\":{min}}}"),
        Kind::Whole(min, max) => format!("{{\"type\":\"integer\",\"minimum\":{min},\"maximum\":{max}}}"),
        Kind::Number(min, max) if *max == f64::MAX => format!("{{\"type\":\"number\",\"minimum\":{min}}}"),
        Kind::Number(min, max) => format!("{{\"type\":\"number\",\"minimum\":{min},\"maximum\":{max}}}"),
        Kind::Duration => {
            r#"{"type":["string","integer"],"pattern":"^(0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$","maximum":0}"#.to_owned()
        }
        Kind::Choice(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            format!("{{\"enum\":[{}]}}", names.join(","))
        }
        Kind::Address => r#"{"type":"string","pattern":"^https?://"}"#.to_owned(),
        Kind::Texts => r#"{"type":["array","null"],"items":{"type":["string","number","boolean"]}}"#.to_owned(),
        Kind::Headers => {
            r#"{"type":["object","null"],"additionalProperties":{"type":["string","number","boolean"]}}"#.to_owned()
        }
        Kind::Text | Kind::Name | Kind::Secret | Kind::Target | Kind::Listen => {
            r#"{"type":["string","number","boolean"]}"#.to_owned()
        }
        Kind::Free | Kind::Section(_) | Kind::Sections(_) => "{}".to_owned(),
    };
    let _ = write!(out, "{{\"anyOf\":[{own},{reference}],\"description\":");
    quoted(out, opt.about);
    if !opt.default.is_empty() {
        out.push_str(",\"default\":");
        if matches!(opt.kind, Kind::Bool | Kind::Whole(..) | Kind::Number(..)) {
            out.push_str(opt.default);
        } else {
            quoted(out, opt.default);
        }
    }
    out.push('}');
}

/// Every component with its options, in Markdown.
pub fn tables() -> String {
    let mut out = String::new();
    for role in Role::ALL {
        let _ = writeln!(out, "### {}", capital(role.section()));
        for one in role.components() {
            let also: Vec<String> = one.also.iter().map(|name| format!(", also `{name}`")).collect();
            let _ = writeln!(out, "\n**`{}`**{}: {}.\n", one.name, also.concat(), one.about);
            if one.options.is_empty() {
                out.push_str("No options.\n");
            } else {
                out.push_str("| Option | Takes | Default | Meaning |\n|---|---|---|---|\n");
                rows(&mut out, one.options, "");
            }
        }
        out.push('\n');
    }
    out.push_str("### Service\n\n**`telemetry`**: how the extension tells of itself.\n\n");
    out.push_str("| Option | Takes | Default | Meaning |\n|---|---|---|---|\n");
    rows(&mut out, service::TELEMETRY, "");
    out
}

fn rows(out: &mut String, options: &[Opt], prefix: &str) {
    for opt in options {
        let path = format!("{prefix}{}", opt.name);
        let default = if opt.default.is_empty() { "–".to_owned() } else { format!("`{}`", opt.default) };
        let (takes, default, about) = match opt.fate {
            Fate::Used | Fate::Needed => (opt.kind.words(), default, opt.about.to_owned()),
            Fate::Ignored => (opt.kind.words(), "–".to_owned(), format!("*no effect:* {}", opt.about)),
            Fate::Refused | Fate::Fatal => {
                ("–".to_owned(), "–".to_owned(), format!("*refused:* {}", opt.about))
            }
        };
        let _ = writeln!(out, "| `{path}` | {takes} | {default} | {about} |");
        rows(out, opt.kind.within(), &format!("{path}."));
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
