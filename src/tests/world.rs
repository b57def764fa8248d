//! A function and its extension in one process: a socket that is read by the test, and an invocation on request.

use std::{
    collections::HashMap,
    future::Future,
    io::Read as _,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use lambda_runtime::{
    Context, Diagnostic, FunctionResponse, IntoFunctionResponse as _, LambdaEvent, LambdaInvocation,
    tower::{Layer as _, Service, ServiceExt as _, service_fn},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spanlayer_link::{Decoder, Ended, Frame, Started, Unfinished};
use spanlayer_otlp::{Signal, json};
use tracing_subscriber::prelude::*;

use crate::{
    Reply,
    layer::Layer,
    overrides::Overrides,
    service::{Payload, Traced},
    settings::Settings,
    subscriber,
    telemetry::Telemetry,
};

pub(super) const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:orders:live";

/// A wrapped function, and the extension that listens to it.
pub(super) struct World {
    pub(super) telemetry: Arc<Telemetry>,
    /// What the layer was told.
    pub(super) overrides: Overrides,
    /// For how many milliseconds the function had been ready when an event came.
    pub(super) waited: u64,
    directory: PathBuf,
    listener: Option<UnixListener>,
    stream: Mutex<Option<(UnixStream, Decoder)>>,
}

impl World {
    /// Default settings, and somebody who listens.
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// Settings from variables.
    pub(super) fn with(vars: &[(&str, &str)]) -> Self {
        let mut world = Self::deaf(vars);
        world.listen_again();
        world
    }

    /// Nobody listens on the socket.
    pub(super) fn deaf(vars: &[(&str, &str)]) -> Self {
        let directory = std::env::temp_dir()
            .join(format!("spanlayer-{:016x}", u64::from_le_bytes(spanlayer_host::random::bytes())));
        std::fs::create_dir(&directory).expect("a directory");
        let mut all = HashMap::from([
            ("AWS_LAMBDA_FUNCTION_NAME", "orders"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "7"),
            ("SPANLAYER_OTLP_HTTP", "off"),
            ("SPANLAYER_STATE_DIR", directory.to_str().expect("a path in Unicode")),
        ]);
        all.extend(vars.iter().copied());
        let telemetry = Arc::new(Telemetry::new(Settings::read(&all)));
        // Whether a test subscribes or not is no reason for a warning.
        telemetry.note_layer();
        let overrides = Overrides::new();
        Self { telemetry, overrides, waited: 0, directory, listener: None, stream: Mutex::new(None) }
    }

    /// Makes our subscriber the current one on this thread.
    pub(super) fn subscribe(&self) -> tracing::subscriber::DefaultGuard {
        tracing_subscriber::registry().with(subscriber::layer(&self.telemetry)).set_default()
    }

    /// Invokes a handler as the runtime does: deserialises, calls, serialises what it answers, and posts it. `posted`
    /// runs in place of the post.
    pub(super) async fn handle<T, F, Fut, R, E>(
        &self,
        handler: F,
        event: LambdaInvocation,
        posted: impl Fn(),
    ) -> Option<Result<Value, Diagnostic>>
    where
        T: for<'de> Deserialize<'de>,
        F: FnMut(LambdaEvent<T>) -> Fut,
        Fut: Future<Output = Result<R, E>>,
        R: Serialize,
        E: Into<Diagnostic> + std::fmt::Debug,
    {
        let traced = Mutex::new(Traced::with_telemetry(service_fn(handler), Arc::clone(&self.telemetry)));
        let answer = Mutex::new(None);
        let runtime = service_fn(|event: LambdaInvocation| {
            let payload: Result<Payload<T>, _> = serde_json::from_slice(&event.body);
            let called = payload.map(|payload| {
                traced.lock().expect("one at a time").call(LambdaEvent::new(payload, event.context))
            });
            let (answer, posted) = (&answer, &posted);
            async move {
                let outcome = match called {
                    Ok(future) => future.await.map(written).map_err(Diagnostic::from),
                    Err(error) => Err(Diagnostic::from(error.to_string())),
                };
                *answer.lock().expect("one at a time") = Some(outcome);
                posted();
                Ok::<(), lambda_runtime::Error>(())
            }
        });
        let layer = Layer::with_telemetry(Arc::clone(&self.telemetry));
        let service = layer.overriding(self.overrides.clone()).layer(runtime);
        self.telemetry.was_ready_at(spanlayer_host::clock::unix_millis() - self.waited);
        service.oneshot(event).await.expect("an answer is posted in any case");
        answer.into_inner().expect("one at a time")
    }

    /// The same, for an event of which nothing else matters.
    pub(super) async fn invoke_then<T, F, Fut, R, E>(
        &self,
        handler: F,
        event: &str,
        posted: impl Fn(),
    ) -> Option<Result<Value, Diagnostic>>
    where
        T: for<'de> Deserialize<'de>,
        F: FnMut(LambdaEvent<T>) -> Fut,
        Fut: Future<Output = Result<R, E>>,
        R: Serialize,
        E: Into<Diagnostic> + std::fmt::Debug,
    {
        self.handle(handler, invocation(event), posted).await
    }

    /// The same, for an event of which everything matters, with nothing to do at the post.
    pub(super) async fn invoke_as<T, F, Fut, R, E>(
        &self,
        handler: F,
        event: LambdaInvocation,
    ) -> Result<Value, Diagnostic>
    where
        T: for<'de> Deserialize<'de>,
        F: FnMut(LambdaEvent<T>) -> Fut,
        Fut: Future<Output = Result<R, E>>,
        R: Serialize,
        E: Into<Diagnostic> + std::fmt::Debug,
    {
        self.handle(handler, event, || ()).await.expect("the handler's side has answered")
    }

    /// The same, with nothing to do at the post.
    pub(super) async fn invoke<T, F, Fut, R, E>(&self, handler: F, event: &str) -> Result<Value, Diagnostic>
    where
        T: for<'de> Deserialize<'de>,
        F: FnMut(LambdaEvent<T>) -> Fut,
        Fut: Future<Output = Result<R, E>>,
        R: Serialize,
        E: Into<Diagnostic> + std::fmt::Debug,
    {
        self.invoke_then(handler, event, || ()).await.expect("the handler's side has answered")
    }

    /// Takes the frames that have arrived since the last time.
    pub(super) fn frames(&self) -> Vec<Frame> {
        let mut held = self.stream.lock().expect("one at a time");
        if let Some(Ok((stream, _))) = self.listener.as_ref().map(UnixListener::accept) {
            stream.set_nonblocking(true).expect("a stream that does not wait");
            *held = Some((stream, Decoder::new()));
        }
        let Some((stream, decoder)) = held.as_mut() else { return Vec::new() };
        let mut bytes = [0; 65536];
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            decoder.push(&bytes[..read]);
        }
        std::iter::from_fn(|| decoder.next_frame().expect("good frames")).collect()
    }

    /// Takes what has arrived, sorted by kind.
    pub(super) fn received(&self) -> Received {
        let mut received = Received::default();
        received.sort(self.frames());
        received
    }

    /// The state directory, where the socket is.
    pub(super) fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// Nobody listens any more.
    pub(super) fn hang_up(&mut self) {
        self.listener = None;
        *self.stream.lock().expect("one at a time") = None;
        std::fs::remove_file(self.directory.join("link.sock")).expect("a socket's file");
    }

    /// Somebody listens once more.
    pub(super) fn listen_again(&mut self) {
        let listener = UnixListener::bind(self.directory.join("link.sock")).expect("a socket");
        listener.set_nonblocking(true).expect("a socket that does not wait");
        self.listener = Some(listener);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// What the extension's end has read.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) hellos: usize,
    pub(super) started: Vec<Started>,
    pub(super) ended: Vec<Ended>,
    pub(super) unfinished: Vec<Unfinished>,
    /// Export requests, in OTLP/JSON.
    pub(super) requests: Vec<Value>,
    pub(super) metrics: Vec<Value>,
    pub(super) logs: Vec<Value>,
}

impl Received {
    /// Takes frames, each to where it belongs.
    pub(super) fn sort(&mut self, frames: Vec<Frame>) {
        for frame in frames {
            match frame {
                Frame::Hello(_) => self.hellos += 1,
                Frame::Started(started) => self.started.push(started),
                Frame::Ended(ended) => self.ended.push(ended),
                Frame::Unfinished(unfinished) => self.unfinished.push(unfinished),
                Frame::Said(_) => {}
                Frame::Telemetry(signal, request) => {
                    let text = json::from_protobuf(signal, &request).expect("valid OTLP");
                    let requests = match signal {
                        Signal::Traces => &mut self.requests,
                        Signal::Metrics => &mut self.metrics,
                        Signal::Logs => &mut self.logs,
                    };
                    requests.push(serde_json::from_str(&text).expect("JSON"));
                }
            }
        }
    }

    /// Takes over what was read later.
    pub(super) fn append(&mut self, mut later: Self) {
        self.hellos += later.hellos;
        self.started.append(&mut later.started);
        self.ended.append(&mut later.ended);
        self.unfinished.append(&mut later.unfinished);
        self.requests.append(&mut later.requests);
        self.metrics.append(&mut later.metrics);
        self.logs.append(&mut later.logs);
    }

    /// All spans, in order.
    pub(super) fn spans(&self) -> Vec<Span> {
        let resources = self.requests.iter().flat_map(|request| list(request, "resourceSpans"));
        let scopes = resources.flat_map(|resource| list(&resource, "scopeSpans"));
        scopes.flat_map(|scope| list(&scope, "spans")).map(Span).collect()
    }

    /// The span of that name: there must be one.
    pub(super) fn span(&self, name: &str) -> Span {
        let mut named: Vec<Span> =
            self.spans().into_iter().filter(|span| span.text("name") == name).collect();
        assert_eq!(named.len(), 1, "spans called {name} in {:#?}", self.requests);
        named.remove(0)
    }
}

/// The array under a key.
pub(super) fn list(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().cloned().unwrap_or_default()
}

/// A span in OTLP/JSON.
#[derive(Clone, Debug)]
pub(super) struct Span(pub(super) Value);

impl Span {
    pub(super) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    pub(super) fn attribute(&self, key: &str) -> Option<&Value> {
        attribute(&self.0, key)
    }

    /// The values of all attributes of that key: there should be one.
    pub(super) fn attributes(&self, key: &str) -> Vec<&Value> {
        let attributes = self.0["attributes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named = attributes.iter().filter(|pair| pair["key"] == key);
        named.filter_map(|pair| pair["value"].as_object()?.values().next()).collect()
    }

    /// OTLP's status code: 0 unset, 2 error.
    pub(super) fn status(&self) -> u64 {
        self.0["status"]["code"].as_u64().unwrap_or_default()
    }

    pub(super) fn events(&self, name: &str) -> Vec<Value> {
        let events = self.0["events"].as_array().cloned().unwrap_or_default();
        events.into_iter().filter(|event| event["name"] == name).collect()
    }

    pub(super) fn is_child_of(&self, parent: &Span) -> bool {
        self.text("traceId") == parent.text("traceId") && self.text("parentSpanId") == parent.text("spanId")
    }
}

/// The value of an attribute, without its type.
pub(super) fn attribute<'a>(of: &'a Value, key: &str) -> Option<&'a Value> {
    let attributes = of["attributes"].as_array()?;
    attributes.iter().find(|pair| pair["key"] == key)?["value"].as_object()?.values().next()
}

/// What the runtime posts.
fn written<R: Serialize>(reply: Reply<R>) -> Value {
    match reply.into_response() {
        FunctionResponse::BufferedResponse(body) => serde_json::to_value(&body).expect("JSON"),
        FunctionResponse::StreamingResponse(_) => panic!("no handler here streams"),
    }
}

/// What the runtime hands to its layers.
pub(super) fn invocation(event: &str) -> LambdaInvocation {
    let mut context = Context::default();
    context.request_id = format!("{:032x}", u128::from_le_bytes(spanlayer_host::random::bytes()));
    context.invoked_function_arn = ARN.to_owned();
    context.deadline = spanlayer_host::clock::unix_millis() + 3000;
    let (parts, ()) = http::Response::new(()).into_parts();
    LambdaInvocation { parts, body: event.to_owned().into(), context }
}
