//! HTTP proxies by the usual variables.

use reqwest::Url;
use spanlayer_host::vars::Vars;

use super::{Proxy, endpoint};
use crate::Secret;

/// The proxy to ask for an address, if any. This machine itself is never reached through one.
///
/// # Errors
///
/// The variable's name and what would be right, when its value is no HTTP proxy.
pub(crate) fn for_url(vars: &dyn Vars, url: &Url) -> Result<Option<Proxy>, (&'static str, String)> {
    if endpoint::is_loopback(url) {
        return Ok(None);
    }
    let names = match url.scheme() {
        "https" => ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let found = names.into_iter().find_map(|name| Some((name, vars.get(name)?)));
    let Some((name, value)) = found else { return Ok(None) };
    let address = if value.contains("://") { value } else { format!("http://{value}") };
    match Url::parse(address.trim()) {
        Ok(proxy) if matches!(proxy.scheme(), "http" | "https") && proxy.has_host() => {
            let except = vars.get("no_proxy").or_else(|| vars.get("NO_PROXY")).unwrap_or_default();
            Ok(Some(Proxy { address: Secret::new(proxy), except }))
        }
        Ok(proxy) if proxy.scheme().starts_with("socks") => {
            Err((name, "SOCKS proxies are not supported by this version; use an http:// one".to_owned()))
        }
        _ => Err((name, "expected an address such as http://proxy.example.com:3128".to_owned())),
    }
}
