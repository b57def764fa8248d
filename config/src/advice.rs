//! What works, and is unwise.

use spanlayer_pipeline::{
    Server,
    settings::{Address, Otlp},
};

use crate::{
    components::Role,
    declared::{Declarations, Declared},
    options::{Kind, section::Section},
    pipelines::Wired,
    problem::{At, Problem},
    receivers::{Listening, Receivers},
    yaml::{Node, Value},
};

pub(crate) fn give(
    declared: &Declarations<'_>,
    wired: &[Wired],
    receivers: &Receivers,
    problems: &mut Vec<Problem>,
) {
    let lists =
        || wired.iter().flat_map(|pipeline| [&pipeline.from, &pipeline.through, &pipeline.to]).flatten();
    for one in declared.0.iter().filter(|one| one.usable) {
        let mut advise = |at: At, what: &str, remedy: &str, secret: bool| {
            problems.push(Problem { secret, ..Problem::warning(at, what, remedy).about(one.path()) });
        };
        literals(one.section(), &mut advise);
        if one.role == Role::Extension {
            continue;
        }
        if !lists().any(|id| id == one.id) {
            // A pipeline that is not run says so itself.
            if !wired.is_empty() {
                advise(
                    one.at,
                    "no pipeline that is run uses it",
                    "list it in a pipeline, or take it out",
                    false,
                );
            }
            continue;
        }
        if one.role == Role::Exporter {
            exporter(one, &mut advise);
        }
    }
    for listening in [receivers.http, receivers.grpc] {
        if let Listening::At(address) = listening
            && address.ip().is_unspecified()
            && let Some(one) =
                declared.0.iter().find(|one| one.kind() == "otlp" && one.role == Role::Receiver)
        {
            let what = format!("{address} listens on every interface");
            let remedy =
                format!("in a function write `localhost:{}`: nobody else sends there", address.port());
            let at = endpoint_of(one.node, &address.to_string()).unwrap_or(one.at);
            problems.push(Problem::warning(at, what, remedy).about(one.path()));
        }
    }
}

fn exporter(one: &Declared<'_>, advise: &mut impl FnMut(At, &str, &str, bool)) {
    let section = one.section();
    match one.kind() {
        "debug" => advise(
            one.at,
            "everything is also written to standard output, and so to CloudWatch, which bills it",
            "take it out once you have seen enough",
            false,
        ),
        "file" => {
            let path = section.text("path").unwrap_or_default();
            if !path.starts_with("/tmp/") && !section.is_later("path") {
                advise(
                    section.at("path"),
                    "on Lambda only `/tmp` can be written to",
                    "write a path below `/tmp`",
                    false,
                );
            }
        }
        kind => {
            if let Some((host, other)) = meant_for(kind, section) {
                let what = format!("`{kind}` is for another protocol than {host} looks like");
                advise(
                    section.at("endpoint"),
                    &what,
                    &format!("use `{other}`, or correct the endpoint"),
                    false,
                );
            }
            let names = ["endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"];
            let own = names.into_iter().filter(|name| section.has(name)).map(|name| (section, name));
            let tenants = section.has("tenants").then(|| section.section("tenants"));
            let rows = tenants.iter().flat_map(|tenants| tenants.sections("table"));
            for (of, name) in own.chain(rows.map(|row| (row, "endpoint"))) {
                let address = of.text(name).and_then(|text| address(kind, section, &text));
                if address.is_some_and(|address| address.is_in_the_clear()) {
                    advise(
                        of.at(name),
                        "what is sent there can be read on the way",
                        "use `https://`, or gRPC with TLS",
                        false,
                    );
                }
            }
        }
    }
}

/// The exporter that an endpoint looks like that of, if it is another: each is told where the other listens.
fn meant_for(kind: &str, section: Section<'_>) -> Option<(&'static str, &'static str)> {
    let (port, other) = match kind {
        "otlp" => (":4318", "otlphttp"),
        "otlphttp" => (":4317", "otlp"),
        _ => return None,
    };
    let endpoint = section.text("endpoint")?;
    let rest = endpoint.split_once("://").map_or(&*endpoint, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.ends_with(port) {
        Some(("this port", other))
    } else {
        (kind == "otlp" && !path.is_empty()).then_some(("this path", other))
    }
}

fn address(kind: &str, section: Section<'_>, text: &str) -> Option<Address> {
    if kind != "otlp" {
        return Server::at(text).ok().map(|server| server.address().clone());
    }
    let insecure = section.section("tls").flag("insecure");
    let otlp = if insecure { Otlp::grpc_insecure(text) } else { Otlp::grpc(text) };
    otlp.ok()?.urls.into_iter().flatten().next()
}

/// Secrets that stand in the file itself.
fn literals(section: Section<'_>, advise: &mut impl FnMut(At, &str, &str, bool)) {
    for opt in section.options {
        let Some(node) = section.node(opt.name) else { continue };
        match opt.kind {
            // A header that an extension sets need be no secret.
            Kind::Secret if is_literal(node) && (opt.name != "value" || setter_holds_secret(section)) => {
                tell(node, advise);
            }
            Kind::Headers => {
                let secrets =
                    node.entries().iter().filter(|(key, node)| is_literal(node) && sounds_secret(&key.name));
                secrets.for_each(|(_, node)| tell(node, advise));
            }
            Kind::Section(_) => literals(section.section(opt.name), advise),
            Kind::Sections(_) => section.sections(opt.name).for_each(|section| literals(section, advise)),
            Kind::Address if is_literal(node) && node.text().is_some_and(has_password) => tell(node, advise),
            _ => {}
        }
    }
}

fn tell(node: &Node, advise: &mut impl FnMut(At, &str, &str, bool)) {
    let (what, remedy) = if node.text().is_some_and(is_old_reference) {
        ("this is a text where no such variable is set", "write `${env:NAME}`, which is always a variable")
    } else {
        ("a secret stands in the file", "write `${env:NAME}`, and let your deployment set the variable")
    };
    advise(node.at, what, remedy, true);
}

/// `$API_KEY`, also after `Bearer `.
fn is_old_reference(text: &str) -> bool {
    let last = text.rsplit(' ').next().and_then(|word| word.strip_prefix('$')).unwrap_or_default();
    last.starts_with(|c: char| c.is_ascii_uppercase())
        && last.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn is_literal(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.literal && !scalar.text.is_empty())
}

fn setter_holds_secret(section: Section<'_>) -> bool {
    section.text("key").is_some_and(|key| sounds_secret(&key))
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "key", "token", "secret", "password", "cookie", "credential"]
        .iter()
        .any(|word| name.contains(word))
}

fn has_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@'))
}

/// Where an endpoint that means every interface is written.
fn endpoint_of(node: &Node, address: &str) -> Option<At> {
    if node.text() == Some(address) {
        return Some(node.at);
    }
    node.entries().iter().find_map(|(_, node)| endpoint_of(node, address))
}
