//! The HTTP client: made when first needed, replaced when its connections may be dead.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::HeaderMap;
use reqwest::{Body, Response, redirect};
use spanlayer_host::clock;

use super::{Transport, tls};

/// Makes clients and keeps the current one.
#[derive(Debug)]
pub(super) struct Clients {
    recipe: Transport,
    current: Mutex<Option<Client>>,
    /// Unix time: the idle time of a connection goes on while the process is frozen.
    clock: fn() -> Duration,
}

/// A client with its own connections. Cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    history: Arc<History>,
    /// Whether this client had a connection to offer when it was handed out.
    reuses: bool,
}

#[derive(Debug, Default)]
struct History {
    served: AtomicBool,
    last_used_millis: AtomicU64,
}

impl Clients {
    pub(super) fn new(recipe: Transport) -> Self {
        Self { recipe, current: Mutex::default(), clock: clock::unix }
    }

    /// The client to use now.
    ///
    /// # Errors
    ///
    /// When certificates cannot be read, in words.
    pub(super) fn current(&self) -> Result<Client, String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = millis((self.clock)());
        let fresh_enough = |client: &Client| {
            let idle = now.saturating_sub(client.history.last_used_millis.load(Relaxed));
            idle < millis(IDLE)
        };
        let mut client = match current.take().filter(fresh_enough) {
            Some(client) => client,
            None => Client { http: self.build()?, history: Arc::default(), reuses: false },
        };
        client.history.last_used_millis.store(now, Relaxed);
        client.reuses = client.history.served.load(Relaxed);
        *current = Some(client.clone());
        Ok(client)
    }

    /// Stops using a client and the connections that idle in it. Requests under way on it go on.
    pub(super) fn discard(&self, client: &Client) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|one| Arc::ptr_eq(&one.history, &client.history)) {
            *current = None;
        }
    }

    /// Whether requests share a connection.
    pub(super) const fn http2(&self) -> bool {
        self.recipe.http2
    }

    fn build(&self) -> Result<reqwest::Client, String> {
        if let Some(own) = &self.recipe.own {
            return Ok(own.client());
        }
        let builder = reqwest::Client::builder().tls_backend_preconfigured(tls::config(&self.recipe)?);
        let builder = if self.http2() { builder.http2_prior_knowledge() } else { builder.http1_only() };
        let mut builder = builder
            // A telemetry endpoint that redirects is misconfigured; following would repeat the headers elsewhere.
            .redirect(redirect::Policy::none())
            // Whether to repeat a request is decided by the stages around.
            .retry(reqwest::retry::never())
            .pool_idle_timeout(IDLE)
            .no_proxy();
        if let Some(proxy) = &self.recipe.proxy {
            let except = reqwest::NoProxy::from_string(&proxy.except);
            let proxy =
                reqwest::Proxy::all(proxy.address.reveal()).map_err(|_| "the proxy's address is wrong")?;
            builder = builder.proxy(proxy.no_proxy(except));
        }
        builder.build().map_err(|error| format!("cannot make an HTTP client: {}", error.without_url()))
    }
}

impl Client {
    /// Posts, and waits for the head of the answer.
    pub(super) async fn send(&self, url: &str, headers: HeaderMap, body: Body) -> reqwest::Result<Response> {
        let response = self.http.post(url).headers(headers).body(body).send().await?;
        // The connection is now kept for later requests.
        self.history.served.store(true, Relaxed);
        Ok(response)
    }

    /// Whether the failure may be that of a connection kept from an earlier request, rather than of the destination.
    pub(super) fn is_stale(&self, error: &reqwest::Error) -> bool {
        self.reuses && !error.is_connect() && !error.is_builder()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A connection that idled longer is not tried again. Common load balancers close theirs after 60 s, and one that was
/// forgotten on the way answers nothing at all, which would take the whole limit of an attempt to find out.
const IDLE: Duration = Duration::from_secs(50);
