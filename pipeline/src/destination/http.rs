//! HTTP for every destination that speaks it: one request an attempt, over connections that may have died meanwhile.
//! HTTP/1.1, or HTTP/2 for gRPC.

mod answer;
mod client;
mod expiry;
mod tls;

pub(crate) use answer::{Answer, MAX_ANSWER, quote};
pub(crate) use expiry::SOON;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::{Body, Response};
use spanlayer_host::clock;

use crate::settings::{ClientCertificate, OwnClient, Proxy};
use client::{Client, Clients};

/// Is told when certificates expire: of all files that hold some, and again when one of them is replaced.
pub(crate) type Tell = Arc<dyn Fn(&[Expiry<'_>]) + Send + Sync>;

/// When the first certificate of a file expires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiry<'a> {
    pub(crate) file: &'a Path,
    /// Unix time.
    pub(crate) at: Duration,
    /// In how long; zero if it has.
    pub(crate) left: Duration,
}

/// How servers are reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport {
    /// Whether any address is one of `https`.
    pub(crate) tls: bool,
    /// HTTP/2 and nothing else.
    pub(crate) http2: bool,
    /// Trust the certificates of this PEM file, and no others.
    pub(crate) certificate: Option<PathBuf>,
    /// What to present.
    pub(crate) client: Option<ClientCertificate>,
    /// Ask this HTTP proxy.
    pub(crate) proxy: Option<Proxy>,
    /// The client to use instead of one made of all that.
    pub(crate) own: Option<OwnClient>,
}

impl Transport {
    /// The files that may be replaced while we run: whom to trust, what to present, and its key.
    fn files(&self) -> [Option<&Path>; 3] {
        let client = self.client.as_ref();
        [
            self.certificate.as_deref(),
            client.map(|client| client.chain.as_path()),
            client.map(|client| client.key.as_path()),
        ]
    }
}

/// Sends requests. Cheap to make: certificates are read and sockets opened by the first request.
#[derive(Debug)]
pub(crate) struct HttpClient {
    clients: Clients,
    /// Unix time, which dates in answers refer to.
    clock: fn() -> Duration,
}

impl HttpClient {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { clients: Clients::new(transport, None), clock: clock::unix }
    }

    /// The same, with somebody to tell when certificates expire.
    pub(crate) fn telling(transport: Transport, tell: Option<Tell>) -> Self {
        Self { clients: Clients::new(transport, tell), clock: clock::unix }
    }

    /// Sends one request, and reads the answer as far as it is of use.
    ///
    /// # Errors
    ///
    /// When there is no answer, in words that hold neither address nor headers. Another attempt may fare better.
    pub(crate) async fn request(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let exchange = self.exchange(method, url, headers, || body.clone().into()).await?;
        let (response, at, in_flight) = exchange.into_parts();
        let answer = read(response, at).await;
        in_flight.landed();
        Ok(answer)
    }

    /// Sends one request, whose body may be made a second time, and waits for the head of the answer.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub(crate) async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: impl Fn() -> Body,
    ) -> Result<Exchange<'_>, String> {
        let in_flight = InFlight::new(&self.clients)?;
        match in_flight.client.send(method.clone(), url, headers.clone(), body()).await {
            Ok(response) => Ok(Exchange { response, at: (self.clock)(), in_flight }),
            Err(error) if in_flight.client.is_stale(&error) => {
                // A connection kept since an earlier request was closed at the other end, most likely while we were
                // frozen: no failure of the destination. The batch goes out again at once, this time over a connection
                // that is surely new.
                self.clients.discard(&in_flight.client);
                let in_flight = InFlight::new(&self.clients)?;
                let sent = in_flight.client.send(method, url, headers, body()).await;
                let response = sent.map_err(|error| describe(&error))?;
                Ok(Exchange { response, at: (self.clock)(), in_flight })
            }
            Err(error) => Err(describe(&error)),
        }
    }
}

/// Reads an answer, which began at `at`.
async fn read(mut response: Response, at: Duration) -> Answer {
    let mut body = Vec::new();
    let mut complete = true;
    // What is wrong is said early on; only a success is worth reading to its end.
    let limit = if response.status().is_success() { MAX_ANSWER } else { MAX_QUOTED };
    while body.len() <= limit {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => {
                complete = false;
                break;
            }
        }
    }
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body, complete, at }
}
/// An answer that has begun.
pub(crate) struct Exchange<'c> {
    response: Response,
    /// When it began, Unix time.
    at: Duration,
    in_flight: InFlight<'c>,
}

impl<'c> Exchange<'c> {
    /// The response, and what to tell when it has been read.
    pub(crate) fn into_parts(self) -> (Response, Duration, InFlight<'c>) {
        (self.response, self.at, self.in_flight)
    }
}

/// A request on its way. Over HTTP/2 all requests share one connection, and giving one of them up does not close it: it
/// would be used for the next attempt, though nothing may come back over it ever again. So a request that is given up
/// takes its connection out of use, for all but those that are under way on it.
pub(crate) struct InFlight<'c> {
    clients: &'c Clients,
    client: Client,
    landed: bool,
}

impl<'c> InFlight<'c> {
    fn new(clients: &'c Clients) -> Result<Self, String> {
        Ok(Self { clients, client: clients.current()?, landed: false })
    }

    /// The answer was read.
    pub(crate) fn landed(mut self) {
        self.landed = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.clients.http2() && !self.landed {
            self.clients.discard(&self.client);
        }
    }
}

/// What went wrong between us and the server, without the address (which may hold a password) and without headers.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match (error.is_connect(), error.is_builder()) {
        (true, _) => format!("cannot connect: {cause}"),
        (_, true) => "cannot make a request of the destination's address".to_owned(),
        _ => format!("no answer: {cause}"),
    }
}

/// Of an answer that is not a success, this much is read.
pub(crate) const MAX_QUOTED: usize = 16 * 1024;
