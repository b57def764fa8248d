//! The layer: a `CLIENT` span for each request, whose context goes along in the request's headers.

use std::{
    fmt,
    sync::Arc,
    task::{Context as Task, Poll},
};

use http::{HeaderName, HeaderValue, Request, Response, Uri};
use lambda_runtime::tower::{self, Service};
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanKind, TraceContextExt as _, Tracer as _},
};

use super::{Calling, inject_context};
use crate::{telemetry::Telemetry, trigger::query::redact};

/// Traces the requests of an HTTP client that is a `tower` service:
///
/// ```
/// # use http::{Request, Response};
/// # use spanlayer::lambda_runtime::tower::{self, Layer as _, service_fn};
/// # let client = service_fn(|_: Request<()>| async { Ok::<_, tower::BoxError>(Response::new(())) });
/// let client = spanlayer::outgoing::Layer::new().layer(client);
/// ```
///
/// Each request becomes a `CLIENT` span as the semantic conventions for HTTP have it, failed by an error of the client
/// and by a status of 400 and above, and carries its context. The span ends with the response's head, or when the future
/// is dropped. User and password in the URL, and query values that sign a request, are left out.
#[derive(Clone, Debug)]
pub struct Layer {
    telemetry: Arc<Telemetry>,
}

impl Layer {
    /// A layer that uses the process's tracer provider.
    pub fn new() -> Self {
        Self { telemetry: Arc::clone(Telemetry::global()) }
    }

    #[cfg(test)]
    pub(crate) fn with_telemetry(telemetry: Arc<Telemetry>) -> Self {
        Self { telemetry }
    }
}

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> tower::Layer<S> for Layer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client { inner, telemetry: Arc::clone(&self.telemetry) }
    }
}

/// The service that [`Layer`] makes.
#[derive(Clone, Debug)]
pub struct Client<S> {
    inner: S,
    telemetry: Arc<Telemetry>,
}

impl<S, B, R> Service<Request<B>> for Client<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Future<Output = Result<Response<R>, S::Error>>,
    S::Error: fmt::Display,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Calling<S::Future>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.telemetry.settings.disabled {
            return Calling::untraced(self.inner.call(request));
        }
        let context = open(&self.telemetry, &request);
        inject_context(&context, |name, value| {
            let name = HeaderName::from_bytes(name.as_bytes());
            // What no header can hold is not worth failing a request for.
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                request.headers_mut().insert(name, value);
            }
        });
        let inside = context.clone().attach();
        let inner = self.inner.call(request);
        drop(inside);
        Calling::new(inner, context)
    }
}

/// Begins the request's span, as a child of the current one.
fn open<B>(telemetry: &Telemetry, request: &Request<B>) -> Context {
    let tracer = telemetry.tracer();
    let (uri, method) = (request.uri(), request.method().as_str());
    let mut attributes = vec![KeyValue::new("url.full", url(uri))];
    let name = match METHODS.iter().find(|known| **known == method) {
        Some(known) => {
            attributes.push(KeyValue::new("http.request.method", *known));
            *known
        }
        None => {
            attributes.push(KeyValue::new("http.request.method", "_OTHER"));
            attributes.push(KeyValue::new("http.request.method_original", method.to_owned()));
            "HTTP"
        }
    };
    if let Some(host) = uri.host() {
        attributes.push(KeyValue::new("server.address", host.to_owned()));
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        attributes.push(KeyValue::new("server.port", i64::from(port)));
    }
    // Low in cardinality: a client does not know the route.
    let span =
        tracer.span_builder(name).with_kind(SpanKind::Client).with_attributes(attributes).start(tracer);
    Context::current_with_span(span)
}

/// The URL without user, password and signatures.
fn url(uri: &Uri) -> String {
    let mut url = String::new();
    if let Some(scheme) = uri.scheme_str() {
        url.push_str(scheme);
        url.push_str("://");
    }
    if let Some(authority) = uri.authority() {
        let authority = authority.as_str();
        url.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
    }
    url.push_str(uri.path());
    if let Some(query) = uri.query() {
        url.push('?');
        url.push_str(&redact(query));
    }
    url
}

/// The methods that the conventions know by default.
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
