//! Extensions that authenticate requests.

use spanlayer_pipeline::{
    auth::{Auth, OAuth2, Value},
    settings::Address,
};

use super::server::{Headers, header};
use crate::{
    components::Role,
    declared::{Declarations, Declared},
    expand::{Surroundings, doubled},
    options::section::Section,
    problem::Problem,
    yaml,
};

/// What goes with every request to say who sends it.
#[derive(Default)]
pub(super) struct Identity {
    pub(super) headers: Headers,
    pub(super) auth: Option<Auth>,
}

impl From<Auth> for Identity {
    fn from(auth: Auth) -> Self {
        Self { headers: Headers::default(), auth: Some(auth) }
    }
}

/// What an exporter's authenticator sends to these addresses; `None` if it cannot be used.
pub(super) fn authentication(
    one: &Declared<'_>,
    section: Section<'_>,
    declared: &Declarations<'_>,
    (addresses, around): (&[Address], Surroundings<'_>),
    problems: &mut Vec<Problem>,
) -> Option<Identity> {
    let auth = section.section("auth");
    let Some(id) = auth.text("authenticator") else { return Some(Identity::default()) };
    let at = auth.at("authenticator");
    let path = format!("{}::auth::authenticator", one.path());
    let Some(extension) = declared.find(Role::Extension, &id) else {
        problems.push(declared.undeclared(Role::Extension, &id, at).about(path));
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
        "oauth2client" => oauth2(extension, around, problems),
        "sigv4auth" => {
            let signed = if one.kind() == "otlp" {
                Err(("AWS takes no gRPC", "use `otlphttp`, or another authenticator"))
            } else {
                sigv4(extension, addresses)
            };
            signed.map_err(|(what, remedy)| problems.push(Problem::error(at, what, remedy).about(path))).ok()
        }
        kind => {
            let remedy =
                "use `basicauth`, `bearertokenauth`, `headers_setter`, `oauth2client` or `sigv4auth`";
            problems.push(
                Problem::error(at, format!("`{kind}` does not authenticate requests"), remedy).about(path),
            );
            None
        }
    }
}

fn basic(extension: &Declared<'_>, problems: &mut Vec<Problem>) -> Option<Identity> {
    let client = extension.section().section("client_auth");
    let user = parsed(&required(extension, client, "username", problems)?)?;
    let password = parsed(&required(extension, client, "password", problems)?)?;
    Some(Auth::Basic { user, password }.into())
}

fn bearer(
    extension: &Declared<'_>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Identity> {
    let section = extension.section();
    let token = match file(extension, section, "filename", around, problems)? {
        Some(token) => token,
        None => required(extension, section, "token", problems)?,
    };
    let value = match section.text("scheme") {
        Some(scheme) => format!("{} {token}", doubled(&scheme)),
        None => token,
    };
    let name = section.text("header").unwrap_or_default();
    let mut made = Identity::default();
    made.headers.put(header(&name, &value, extension.at, &extension.path(), problems)?);
    Some(made)
}

fn set(extension: &Declared<'_>, problems: &mut Vec<Problem>) -> Option<Identity> {
    let mut made = Identity::default();
    for one in extension.section().sections("headers") {
        let key = required(extension, one, "key", problems)?;
        let value = required(extension, one, "value", problems)?;
        made.headers.put(header(&key, &value, one.at("value"), &extension.path(), problems)?);
    }
    Some(made)
}

fn oauth2(
    extension: &Declared<'_>,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Identity> {
    let section = extension.section();
    let mut given = |name: &str, of_file: &str| match file(extension, section, of_file, around, problems)? {
        Some(text) => Some(text),
        None => required(extension, section, name, problems),
    };
    let id = given("client_id", "client_id_file")?;
    let secret = given("client_secret", "client_secret_file")?;
    required(extension, section, "token_url", problems)?;
    let url = section.text("token_url")?;
    let mut client = OAuth2::new(&url, &id, parsed(&secret)?).ok()?;
    client.scopes = section.texts("scopes");
    for (key, node) in section.node("endpoint_params").map(yaml::Node::entries).unwrap_or_default() {
        client.params.push((key.name.clone(), parsed(&node.value_text())?));
    }
    client.certificate = section.section("tls").text("ca_file").map(Into::into);
    match url.parse::<Address>().ok()?.proxy(around.vars) {
        Ok(proxy) => client.proxy = proxy,
        Err((name, what)) => {
            let told = format!("the variable {name} cannot be used");
            problems.push(Problem::error(extension.at, told, what).about(extension.path()));
        }
    }
    Some(Auth::OAuth2(Box::new(client)).into())
}

/// What signs requests to these addresses; or what is wrong, and what to do.
fn sigv4(extension: &Declared<'_>, addresses: &[Address]) -> Result<Identity, (&'static str, &'static str)> {
    let section = extension.section();
    let mut known = addresses.iter().filter_map(Address::aws_service);
    let (first, all_alike) = match known.next() {
        Some(first) => (Some(first), known.all(|other| other == first)),
        None => (None, true),
    };
    let service = section.text("service").or(first.map(|(service, _)| service.to_owned()));
    let region = section.text("region").or(first.map(|(_, region)| region.to_owned()));
    match service {
        // A signature is for one service.
        Some(_) if !all_alike => {
            Err(("these addresses are of several services of AWS", "use an exporter for each of them"))
        }
        Some(service) => Ok(Auth::SigV4 { service, region }.into()),
        None => Err((
            "the service that requests are signed for is not known",
            "add `service: …` to the extension, unless the address is one of AWS's own",
        )),
    }
}

/// What a file holds whenever it is needed; `Some(None)` if none is named, `None` if it cannot be read.
#[expect(clippy::option_option, reason = "not named and not readable are two things")]
fn file(
    extension: &Declared<'_>,
    section: Section<'_>,
    name: &str,
    around: Surroundings<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Option<String>> {
    let Some(path) = section.text(name) else { return Some(None) };
    if around.in_place
        && let Err(why) = spanlayer_host::files::text(&path)
    {
        let what = format!("{path} {why}");
        let remedy = "put the file into the function's package or a layer";
        let about = format!("{}::{name}", extension.path());
        problems.push(Problem::error(section.at(name), what, remedy).about(about));
        return None;
    }
    Some(Some(format!("${{file:{path}}}")))
}

/// A text that must be there, in the syntax of the pipeline's values; empty where it is not known yet.
fn required(
    extension: &Declared<'_>,
    section: Section<'_>,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    if section.is_later(name) {
        return Some(String::new());
    }
    let found = section.value(name);
    if found.is_none() && section.node(name).is_none() {
        problems.push(extension.lacks(name));
    }
    found
}

/// References were found good when they were read.
fn parsed(text: &str) -> Option<Value> {
    Value::parse(text).ok()
}
