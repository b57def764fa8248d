//! What OTLP/HTTP and OTLP/gRPC have in common.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::USER_AGENT};

use super::{Context, http::Transport, secrets::Secrets, wire::Wire};
use crate::{
    Batch, Outcome,
    auth::Authenticator,
    settings::{Address, Otlp, Protocol},
};

/// How requests get there.
pub(super) fn wire(settings: &Otlp, context: &Context) -> Wire {
    let auth = Authenticator::new(settings.auth.as_ref(), &settings.secret_headers, &settings.aws());
    Wire::new(transport(settings), auth, secrets(settings), context)
}

fn transport(settings: &Otlp) -> Transport {
    Transport {
        tls: settings.urls.iter().flatten().any(Address::is_https),
        http2: settings.protocol == Protocol::Grpc,
        certificate: settings.certificate.clone(),
        client: settings.client.clone(),
        proxy: settings.proxy.clone(),
        own: settings.http.clone(),
    }
}

/// These, who we are, and what the settings add.
pub(super) fn headers<const N: usize>(
    settings: &Otlp,
    own: [(&'static str, Option<&'static str>); N],
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in own {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    for (name, value) in &settings.headers {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// The headers of one batch.
pub(super) fn headers_for(batch: &Batch, common: &HeaderMap) -> HeaderMap {
    let mut headers = common.clone();
    if let Ok(key) = HeaderValue::from_str(batch.idempotency_key()) {
        headers.insert("idempotency-key", key);
    }
    headers
}

/// The encoded request; the outcome if there cannot be one.
pub(super) async fn body(settings: &Otlp, batch: &Batch) -> Result<Bytes, Outcome> {
    if batch.bytes() > MAX_REQUEST {
        let why = "larger than the 64 MiB that OTLP allows".to_owned();
        return Err(Outcome::Refused { why, divisible: true });
    }
    let body = batch.encoded(settings.encoding()).await;
    body.map_err(|error| Outcome::refused(format!("cannot encode the batch: {error}")))
}

/// What must not be repeated, whatever the server echoes.
fn secrets(settings: &Otlp) -> Secrets {
    let addresses = settings.urls.iter().flatten().map(Address::reveal);
    Secrets::new(&settings.headers, addresses, settings.proxy.as_ref())
}

/// "The client MUST NOT send a request larger than this, also before compression" (OTLP specification, request size).
const MAX_REQUEST: usize = 64 << 20;

/// OTLP specification, *User Agent*; our own product first.
const AGENT: &str =
    concat!("spanlayer/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, settings::Proxy};

    #[test]
    fn headers_every_address_and_the_proxy_are_kept_secret() {
        let mut otlp = Otlp::http("https://user-one:p4ssword@h/?key=k3y-v4lue").unwrap();
        otlp.headers.push(("x-key".parse().unwrap(), HeaderValue::from_static("h34der-key")));
        let address = Secret::new("http://pr0xy-user:pr0xy-p4ss@p:1/");
        otlp.proxy = Some(Proxy { address, except: String::new() });
        let secrets = secrets(&otlp);
        for secret in ["user-one", "p4ssword", "k3y-v4lue", "h34der-key", "pr0xy-user", "pr0xy-p4ss"] {
            assert!(secrets.iter().any(|known| known == secret), "{secret}");
        }
    }
}
