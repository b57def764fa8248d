//! The HTTP client: made when first needed, replaced when its connections may be dead.

use std::{
    fmt, fs,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderMap, Method};
use reqwest::{Body, Response, redirect};
use spanlayer_host::clock;

use super::{Expiry, Tell, Transport, expiry, tls};

/// Makes clients and keeps the current one.
pub(super) struct Clients {
    recipe: Transport,
    tell: Option<Tell>,
    current: Mutex<Option<Client>>,
    /// The certificates whose expiry was looked at.
    looked_at: Mutex<Option<[Option<Stamp>; 3]>>,
    /// Unix time: the idle time of a connection goes on while the process is frozen.
    clock: fn() -> Duration,
    /// Whom to ask where a name leads, instead of the system.
    #[cfg(test)]
    names: Option<tests::Names>,
}

/// A client with its own connections. Cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    history: Arc<History>,
    /// Whether this client had a connection to offer when it was handed out.
    reuses: bool,
    /// The certificates that it was made with.
    files: [Option<Stamp>; 3],
}

#[derive(Debug, Default)]
struct History {
    served: AtomicBool,
    last_used_millis: AtomicU64,
}

impl Clients {
    pub(super) fn new(recipe: Transport, tell: Option<Tell>) -> Self {
        Self {
            recipe,
            tell,
            current: Mutex::default(),
            looked_at: Mutex::default(),
            clock: clock::unix,
            #[cfg(test)]
            names: None,
        }
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
        // Certificates may be replaced at any time; connections that were made with the old ones go with them.
        let files = self.recipe.files().map(Stamp::of);
        let unchanged = |client: &Client| client.files == files;
        let mut client = match current.take().filter(fresh_enough).filter(unchanged) {
            Some(client) => client,
            None => Client { http: self.build(&files)?, history: Arc::default(), reuses: false, files },
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

    fn build(&self, files: &[Option<Stamp>; 3]) -> Result<reqwest::Client, String> {
        if let Some(own) = &self.recipe.own {
            return Ok(own.client());
        }
        self.look_at_expiry(files);
        let builder = reqwest::Client::builder().tls_backend_preconfigured(tls::config(&self.recipe)?);
        #[cfg(feature = "grpc")]
        let builder = if self.http2() { builder.http2_prior_knowledge() } else { builder.http1_only() };
        #[cfg(not(feature = "grpc"))]
        let builder = builder.http1_only();
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
        #[cfg(test)]
        if let Some(names) = &self.names {
            builder = builder.dns_resolver(Arc::new(names.clone()));
        }
        builder.build().map_err(|error| format!("cannot make an HTTP client: {}", error.without_url()))
    }
}

impl Clients {
    /// Tells when certificates expire, once for each that is put there.
    fn look_at_expiry(&self, files: &[Option<Stamp>; 3]) {
        let Some(tell) = &self.tell else { return };
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_at.as_ref() == Some(files) {
            return;
        }
        *looked_at = Some(*files);
        let now = (self.clock)();
        let known = self.recipe.files().into_iter().flatten().filter_map(|file| {
            let at = expiry::first(&tls::certificates(file).ok()?)?;
            Some(Expiry { file, at, left: at.saturating_sub(now) })
        });
        tell(&known.collect::<Vec<_>>());
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("recipe", &self.recipe).finish_non_exhaustive()
    }
}

/// By what a file is known to be the same as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    changed: Option<SystemTime>,
    bytes: u64,
}

impl Stamp {
    fn of(file: Option<&Path>) -> Option<Self> {
        let found = fs::metadata(file?).ok()?;
        Some(Self { changed: found.modified().ok(), bytes: found.len() })
    }
}

impl Client {
    /// Sends a request, and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Body,
    ) -> reqwest::Result<Response> {
        let response = self.http.request(method, url).headers(headers).body(body).send().await?;
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

#[cfg(test)]
pub(super) mod tests;
