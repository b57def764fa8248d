//! HTTP for every destination that speaks it: one POST an attempt, over connections that may have died meanwhile.

mod answer;
mod client;
mod tls;

pub(crate) use answer::{Answer, MAX_ANSWER, quote};

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use reqwest::Response;
use spanlayer_host::clock;

use crate::settings::{ClientCertificate, Proxy};
use client::{Client, Clients};

/// How servers are reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport {
    /// Whether any address is one of `https`.
    pub(crate) tls: bool,
    /// Trust the certificates of this PEM file, and no others.
    pub(crate) certificate: Option<PathBuf>,
    /// What to present.
    pub(crate) client: Option<ClientCertificate>,
    /// Ask this HTTP proxy.
    pub(crate) proxy: Option<Proxy>,
}

/// Posts. Cheap to make: certificates are read and sockets opened by the first request.
#[derive(Debug)]
pub(crate) struct HttpClient {
    clients: Clients,
    /// Unix time, which dates in answers refer to.
    clock: fn() -> Duration,
}

impl HttpClient {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { clients: Clients::new(transport), clock: clock::unix }
    }

    /// Sends one request, and reads the answer as far as it is of use.
    ///
    /// # Errors
    ///
    /// When there is no answer, in words that hold neither address nor headers. Another attempt may fare better.
    pub(crate) async fn post(&self, url: &str, headers: HeaderMap, body: Bytes) -> Result<Answer, String> {
        let client = self.clients.current()?;
        match send(&client, url, headers.clone(), body.clone()).await {
            Ok(response) => Ok(self.read(response).await),
            Err(error) if client.is_stale(&error) => {
                // A connection kept since an earlier request was closed at the other end, most likely while we were
                // frozen: no failure of the destination. The batch goes out again at once, this time over a connection
                // that is surely new.
                self.clients.discard(&client);
                let client = self.clients.current()?;
                let response = send(&client, url, headers, body).await.map_err(|error| describe(&error))?;
                Ok(self.read(response).await)
            }
            Err(error) => Err(describe(&error)),
        }
    }

    async fn read(&self, mut response: Response) -> Answer {
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
        Answer { status, headers, body, complete, at: (self.clock)() }
    }
}

async fn send(client: &Client, url: &str, headers: HeaderMap, body: Bytes) -> reqwest::Result<Response> {
    let response = client.http.post(url).headers(headers).body(body).send().await?;
    client.served();
    Ok(response)
}

/// What went wrong between us and the server, without the address (which may hold a password) and without headers.
fn describe(error: &reqwest::Error) -> String {
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
const MAX_QUOTED: usize = 16 * 1024;
