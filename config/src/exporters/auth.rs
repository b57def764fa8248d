//! Extensions that authenticate requests.

use spanlayer_otlp::json::text::base64;

use super::server::{Headers, header};
use crate::{
    components::Role,
    declared::{Declarations, Declared},
    expand::Surroundings,
    options::section::Section,
    problem::Problem,
    suggest,
};

/// What an exporter's authenticator sends with every request; `None` if it cannot be used.
pub(super) fn authentication(
    one: &Declared<'_>,
    section: Section<'_>,
    declared: &Declarations<'_>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Headers> {
    let auth = section.section("auth");
    let Some(id) = auth.text("authenticator") else { return Some(Vec::new()) };
    let at = auth.at("authenticator");
    let path = format!("{}::auth::authenticator", one.path());
    let Some(extension) = declared.find(Role::Extension, &id) else {
        let known = declared.0.iter().filter(|one| one.role == Role::Extension).map(|one| one.id);
        let remedy = match suggest::closest(&id, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("declare it under `extensions`, or correct `{id}`"),
        };
        problems
            .push(Problem::error(at, format!("the extension `{id}` is not declared"), remedy).about(path));
        return None;
    };
    if !extension.usable {
        let remedy = "without it nothing is sent here";
        problems.push(Problem::error(at, format!("the extension `{id}` cannot be used"), remedy).about(path));
        return None;
    }
    match extension.kind() {
        "basicauth" => basic(extension, problems),
        "bearertokenauth" => bearer(extension, around, problems),
        "headers_setter" => set(extension, problems),
        kind => {
            let remedy = "use `basicauth`, `bearertokenauth` or `headers_setter`";
            problems.push(
                Problem::error(at, format!("`{kind}` does not authenticate requests"), remedy).about(path),
            );
            None
        }
    }
}

fn basic(extension: &Declared<'_>, problems: &mut Vec<Problem>) -> Option<Headers> {
    let client = extension.section().section("client_auth");
    let user = required(extension, client, "username", problems)?;
    let password = required(extension, client, "password", problems)?;
    let mut value = "Basic ".to_owned();
    base64(&mut value, format!("{user}:{password}").as_bytes());
    header("authorization", &value, extension.at, &extension.path(), problems).map(|one| vec![one])
}

fn bearer(
    extension: &Declared<'_>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Headers> {
    let section = extension.section();
    let token = match section.text("filename") {
        Some(file) if around.in_place => match std::fs::read_to_string(&file) {
            Ok(token) => token.trim().to_owned(),
            Err(error) => {
                let what = format!("{file} cannot be read: {}", error.kind());
                let remedy = "put the file into the function's package or a layer";
                let path = format!("{}::filename", extension.path());
                problems.push(Problem::error(section.at("filename"), what, remedy).about(path));
                return None;
            }
        },
        Some(_) => String::new(),
        None => required(extension, section, "token", problems)?,
    };
    let value = match section.text("scheme") {
        Some(scheme) => format!("{scheme} {token}"),
        None => token,
    };
    let name = section.text("header").unwrap_or_default();
    header(&name, &value, extension.at, &extension.path(), problems).map(|one| vec![one])
}

fn set(extension: &Declared<'_>, problems: &mut Vec<Problem>) -> Option<Headers> {
    let mut made = Vec::new();
    for one in extension.section().sections("headers") {
        let key = required(extension, one, "key", problems)?;
        let value = required(extension, one, "value", problems)?;
        made.push(header(&key, &value, one.at("value"), &extension.path(), problems)?);
    }
    Some(made)
}

/// A text that must be there; empty where it is not known yet.
fn required(
    extension: &Declared<'_>,
    section: Section<'_>,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    if section.is_later(name) {
        return Some(String::new());
    }
    let found = section.text(name);
    if found.is_none() && section.node(name).is_none() {
        let what = format!("`{name}` is missing");
        let remedy = format!("add `{name}: …` below `{}`", extension.id);
        problems.push(Problem::error(extension.at, what, remedy).about(extension.path()));
    }
    found
}
