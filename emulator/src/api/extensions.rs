//! The Extensions API, `2020-01-01`. Statuses and error types are those of AWS's own emulator.

use super::{Reply, reply};
use crate::{
    environment::Environment,
    ids,
    state::{Extension, Given, Refusal, State},
};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::Instant;

pub(super) async fn register(environment: &Environment, request: Request<Incoming>) -> Reply {
    let now = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return reply::broken() };
    match try_register(environment, &parts.headers, &body.to_bytes(), now) {
        Ok(reply) => {
            environment.wake();
            reply
        }
        Err(refusal) => reply::refused(&refusal),
    }
}

fn try_register(
    environment: &Environment,
    headers: &HeaderMap,
    body: &[u8],
    now: Instant,
) -> Result<Reply, Refusal> {
    let settings = &environment.settings;
    let name = text(headers, "lambda-extension-name")
        .ok_or_else(|| Refusal::forbidden("Extension.InvalidExtensionName", "Empty extension name"))?;
    let events = events(body).map_err(|why| Refusal::forbidden("InvalidRequestFormat", why))?;

    let mut state = environment.lock();
    let external = state.extensions.iter().any(|extension| !extension.internal && extension.name == name);
    check_events(&events, external, settings.managed())?;
    if !external {
        admit_internal(&mut state, name)?;
    }
    let Some(extension) = state.extensions.iter_mut().find(|extension| extension.name == name) else {
        return Ok(reply::broken());
    };
    extension.register(events, now)?;

    let mut body = json!({
        "functionName": settings.name, "functionVersion": settings.version, "handler": settings.handler,
    });
    let features = text(headers, "lambda-extension-accept-feature").unwrap_or_default();
    if features.split(',').any(|feature| feature.trim() == "accountId") {
        body["accountId"] = settings.account.clone().into();
    }
    let mut reply = reply::json(StatusCode::OK, &body);
    if let Ok(id) = HeaderValue::from_str(&extension.id) {
        reply.headers_mut().insert("lambda-extension-identifier", id);
    }
    Ok(reply)
}

/// The events that a registration names. Configuration keys were part of a preview and are refused by name.
fn events(body: &[u8]) -> Result<Vec<String>, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if !body.is_object() && !body.is_null() {
        return Err("expected an object".to_owned());
    }
    let strings = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(list) => {
            let list = list.as_array().ok_or_else(|| format!("{key} is not a list"))?;
            let text =
                |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| format!("{key}: not a string"));
            list.iter().map(text).collect::<Result<Vec<_>, _>>()
        }
    };
    if !strings("configurationKeys")?.is_empty() {
        return Err("configurationKeys are deprecated; use environment variables instead".to_owned());
    }
    strings("events")
}

/// External extensions may ask for INVOKE and SHUTDOWN, internal ones for INVOKE; under Managed Instances external
/// ones for SHUTDOWN, and internal ones for nothing.
fn check_events(events: &[String], external: bool, managed: bool) -> Result<(), Refusal> {
    let refuse = |what: String| Err(Refusal::forbidden("Extension.InvalidEventType", what));
    if managed && !external && !events.is_empty() {
        return refuse("No events allowed for internal extensions".to_owned());
    }
    for event in events {
        match event.as_str() {
            "INVOKE" if !managed => {}
            "SHUTDOWN" if external => {}
            "SHUTDOWN" => return refuse(format!("{event}: ShutdownEventNotSupportedForInternalExtension")),
            _ => return refuse(format!("{event}: ErrorInvalidEventType")),
        }
    }
    Ok(())
}

/// A name that was not launched belongs to an extension inside the runtime's process.
fn admit_internal(state: &mut State, name: &str) -> Result<(), Refusal> {
    if !state.registration_open {
        return Err(Refusal::forbidden(
            "Extension.RegistrationClosed",
            "Extension registration closed already",
        ));
    }
    if state.extensions.len() >= MOST_EXTENSIONS {
        let message = format!("Extension limit ({MOST_EXTENSIONS}) reached");
        return Err(Refusal::forbidden("Extension.TooManyExtensions", message));
    }
    if state.extensions.iter().any(|extension| extension.name == name) {
        let message = "Extension with this name already registered";
        return Err(Refusal::forbidden("Extension.InvalidExtensionState", message));
    }
    let spawned = state.runtime.process.as_ref().map_or_else(Instant::now, |process| process.spawned);
    state.extensions.push(Extension::new(name.to_owned(), true, spawned));
    Ok(())
}

pub(super) async fn next(environment: &Environment, request: &Request<Incoming>) -> Reply {
    let now = Instant::now();
    let receiver = identify(request.headers()).and_then(|id| {
        let mut state = environment.lock();
        let farewell = state.farewell;
        let extension = state.extension(id)?;
        let receiver = extension.ask(now)?;
        if let Some(farewell) = farewell {
            extension.give(Given::Shutdown(farewell));
        }
        Ok(receiver)
    });
    environment.wake();
    match receiver {
        Err(refusal) => reply::refused(&refusal),
        // The sender goes away with the environment, and with it the process that asked.
        Ok(receiver) => receiver.await.map_or_else(|_| reply::broken(), |given| event(&given)),
    }
}

fn event(given: &Given) -> Reply {
    let body = match given {
        Given::Invoke(handout) => {
            let mut body = json!({
                "eventType": "INVOKE", "deadlineMs": handout.deadline_ms,
                "requestId": handout.request_id, "invokedFunctionArn": handout.arn,
            });
            if let Some(header) = &handout.trace.header {
                body["tracing"] = json!({ "type": "X-Amzn-Trace-Id", "value": header });
            }
            body
        }
        Given::Shutdown(farewell) => json!({
            "eventType": "SHUTDOWN", "deadlineMs": farewell.deadline_ms, "shutdownReason": farewell.reason.name(),
        }),
    };
    let mut reply = reply::json(StatusCode::OK, &body);
    if let Ok(id) = HeaderValue::from_str(&ids::uuid()) {
        reply.headers_mut().insert("lambda-extension-event-identifier", id);
    }
    reply
}

pub(super) fn init_error(environment: &Environment, request: &Request<Incoming>) -> Reply {
    report(environment, request, "Extension.InitError", Extension::init_error)
}

pub(super) fn exit_error(environment: &Environment, request: &Request<Incoming>) -> Reply {
    report(environment, request, "Extension.ExitError", Extension::exit_error)
}

/// Either report fails the init or the invocation.
fn report(
    environment: &Environment,
    request: &Request<Incoming>,
    error_type: &str,
    transition: impl FnOnce(&mut Extension) -> Result<(), Refusal>,
) -> Reply {
    let reported = identify(request.headers()).and_then(|id| {
        let header = "Lambda-Extension-Function-Error-Type";
        let named = text(request.headers(), "lambda-extension-function-error-type");
        let named = named
            .ok_or_else(|| Refusal::forbidden("Extension.MissingHeader", format!("{header} not found")))?;
        let mut state = environment.lock();
        let extension = state.extension(id)?;
        transition(extension)?;
        let what = format!("{}: {named}", extension.name);
        state.fail(error_type, what);
        Ok(())
    });
    environment.wake();
    reported.map_or_else(|refusal| reply::refused(&refusal), |()| reply::accepted())
}

/// The identifier that every call after `register` carries.
pub(super) fn identify(headers: &HeaderMap) -> Result<&str, Refusal> {
    let id = text(headers, "lambda-extension-identifier").ok_or_else(|| {
        let message = "Missing Lambda-Extension-Identifier header";
        Refusal::forbidden("Extension.MissingExtensionIdentifier", message)
    })?;
    if !ids::is_uuid(id) {
        let message = "Invalid Lambda-Extension-Identifier";
        return Err(Refusal::forbidden("Extension.InvalidExtensionIdentifier", message));
    }
    Ok(id)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}

/// Internal and external together.
const MOST_EXTENSIONS: usize = 10;
