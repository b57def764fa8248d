//! The Runtime API, `2018-06-01`.

use super::{
    Reply,
    body::{MOST_BUFFERED, judge, take},
    reply,
};
use crate::{
    environment::Environment,
    outcome::FunctionError,
    state::{Handout, Refusal, Running, State, Turn},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::json;
use tokio::{sync::oneshot, time::Instant};

pub(super) async fn next(environment: &Environment) -> Reply {
    let now = Instant::now();
    let receiver = ask(&mut environment.lock(), environment.settings.managed(), now);
    environment.wake();
    let receiver = match receiver {
        Ok(receiver) => receiver,
        Err(refusal) => return reply::refused(&refusal),
    };
    // The sender goes away with the environment, and with it the process that asked.
    let Ok(handout) = receiver.await else { return reply::broken() };
    let reply = event(&handout);
    if let Some(running) = environment.lock().running.get_mut(&handout.request_id) {
        running.handed_out.get_or_insert_with(Instant::now);
    }
    environment.wake();
    reply
}

fn ask(state: &mut State, managed: bool, now: Instant) -> Result<oneshot::Receiver<Handout>, Refusal> {
    let turn = state.runtime.turn;
    if !managed && !matches!(turn, Turn::Started | Turn::Ready | Turn::Running | Turn::Responded)
        || turn == Turn::InitError
    {
        return Err(Refusal::runtime(turn, "Ready"));
    }
    let (sender, receiver) = oneshot::channel();
    if turn == Turn::Running
        && !managed
        && let Some(handout) = state.current.clone()
    {
        let _ = sender.send(handout);
        return Ok(receiver);
    }
    state.runtime.turn = Turn::Ready;
    state.runtime.first_next.get_or_insert(now);
    state.runtime.last_next = Some(now);
    state.runtime.waiting.push_back(sender);
    state.dispatch();
    Ok(receiver)
}

fn event(handout: &Handout) -> Reply {
    let event = &handout.event;
    let mut reply = Response::new(Full::new(event.payload.clone()));
    let headers = reply.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("content-type", "application/json");
    set("lambda-runtime-aws-request-id", &handout.request_id);
    set("lambda-runtime-deadline-ms", &handout.deadline_ms.to_string());
    set("lambda-runtime-invoked-function-arn", &handout.arn);
    if let Some(header) = &handout.trace.header {
        set("lambda-runtime-trace-id", header);
    }
    if let Some(context) = &event.client_context {
        set("lambda-runtime-client-context", context);
    }
    if let Some((id, pool)) = &event.cognito {
        let identity = json!({ "cognitoIdentityId": id, "cognitoIdentityPoolId": pool });
        set("lambda-runtime-cognito-identity", &identity.to_string());
    }
    if let Some(tenant) = &event.tenant {
        set("lambda-runtime-aws-tenant-id", tenant);
    }
    reply
}

pub(super) async fn response(environment: &Environment, id: &str, request: Request<Incoming>) -> Reply {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let streamed = match parts.headers.get("lambda-runtime-function-response-mode").map(HeaderValue::as_bytes)
    {
        None => Ok(false),
        Some(b"streaming") => Ok(true),
        Some(_) => Err(()),
    };
    if let Err(refusal) = begin(environment, id, "InvocationResponse") {
        return refuse(body, &refusal).await;
    }
    let Ok(streamed) = streamed else {
        let error = FunctionError::platform(
            id,
            "Runtime.InvalidResponseModeHeader",
            "Invalid function response mode",
        );
        finish(environment, id, |running| running.result = Some(Err(error)));
        let refusal = Refusal {
            status: 400,
            error_type: "InvalidFunctionResponseMode",
            message: "Invalid function response mode".to_owned(),
        };
        return refuse(body, &refusal).await;
    };
    let limit = if streamed { usize::MAX } else { MOST_BUFFERED };
    let taken = take(body, limit).await;
    let (result, reply) = judge(id, taken);
    finish(environment, id, |running| {
        running.response_started = Some(started);
        running.streamed = streamed;
        running.content_type = content_type(&parts.headers);
        running.produced = result.1;
        running.result = Some(result.0);
    });
    reply
}

pub(super) async fn error(environment: &Environment, id: &str, request: Request<Incoming>) -> Reply {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    if let Err(refusal) = begin(environment, id, "InvocationErrorResponse") {
        return refuse(body, &refusal).await;
    }
    let error_type = error_type(&parts.headers);
    let payload = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    finish(environment, id, |running| {
        running.response_started = Some(started);
        running.content_type = content_type(&parts.headers);
        running.produced = payload.len();
        running.result = Some(Err(FunctionError { error_type, payload }));
    });
    reply::accepted()
}

/// Answers once the snapshot is restored (SnapStart).
pub(super) async fn restore_next(environment: &Environment) -> Reply {
    let restored = {
        let mut state = environment.lock();
        if state.runtime.turn != Turn::Started {
            return reply::refused(&Refusal::runtime(state.runtime.turn, "RestoreReady"));
        }
        let (sender, restored) = oneshot::channel();
        state.runtime.turn = Turn::Snapshot;
        state.runtime.restoring = Some(sender);
        restored
    };
    environment.wake();
    restored.await.map_or_else(|_| reply::broken(), |()| reply::empty(StatusCode::OK))
}

pub(super) async fn init_error(environment: &Environment, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut state = environment.lock();
    if state.runtime.turn != Turn::Started {
        return reply::refused(&Refusal::runtime(state.runtime.turn, "InitError"));
    }
    state.runtime.turn = Turn::InitError;
    state.fail(&error_type(&parts.headers), String::from_utf8_lossy(&body).into_owned());
    drop(state);
    environment.wake();
    reply::accepted()
}

/// Whether the invocation may be answered now.
fn begin(environment: &Environment, id: &str, to: &str) -> Result<(), Refusal> {
    let managed = environment.settings.managed();
    let mut state = environment.lock();
    let running = state.running.get(id).ok_or_else(Refusal::invalid_request_id)?;
    if running.abandoned {
        state.running.remove(id);
        return Err(Refusal {
            status: 410,
            error_type: "InvokeTimeout",
            message: "Invoke timeout".to_owned(),
        });
    }
    if managed {
        return if running.result.is_none() { Ok(()) } else { Err(Refusal::invalid_request_id()) };
    }
    if state.runtime.turn != Turn::Running {
        return Err(Refusal::runtime(state.runtime.turn, to));
    }
    state.runtime.turn = Turn::Responding;
    Ok(())
}

fn finish(environment: &Environment, id: &str, write: impl FnOnce(&mut Running)) {
    let now = Instant::now();
    let mut state = environment.lock();
    if let Some(running) = state.running.get_mut(id) {
        running.response_done = Some(now);
        write(running);
    }
    if !environment.settings.managed() {
        state.runtime.turn = Turn::Responded;
    }
    drop(state);
    environment.wake();
}

/// Answers no, after reading what the client is still sending: a client in the middle of a write would see a broken
/// connection instead of the answer.
async fn refuse(body: Incoming, refusal: &Refusal) -> Reply {
    let _ = take(body, 0).await;
    reply::refused(refusal)
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(CONTENT_TYPE)?.to_str().ok()?.to_owned())
}

/// The error type that a runtime names, if the platform knows its form.
fn error_type(headers: &HeaderMap) -> String {
    let named = headers.get("lambda-runtime-function-error-type").and_then(|named| named.to_str().ok());
    let named = named.unwrap_or_default();
    let known = ["Runtime.", "Function."].iter().any(|category| {
        named.split_once(category).is_some_and(|(_, reason)| {
            let mut letters = reason.chars();
            letters.next().is_some_and(|c| c.is_ascii_uppercase())
                && letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        })
    });
    match named {
        named if known => named.to_owned(),
        named if named.starts_with("Function.") => "Function.Unknown".to_owned(),
        _ => "Runtime.Unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_types_that_the_platform_does_not_know_become_unknown() {
        for (named, expected) in [
            ("Function.Panic", "Function.Panic"),
            ("Runtime.ExitError", "Runtime.ExitError"),
            ("Function.lower", "Function.Unknown"),
            ("unhandled", "Runtime.Unknown"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("lambda-runtime-function-error-type", HeaderValue::from_static(named));
            assert_eq!(error_type(&headers), expected);
        }
    }
}
