//! Amazon Web Services without their SDK: who we are by `aws-config`, signatures and the few calls that are needed by
//! ourselves.

mod call;
#[cfg(feature = "aws-chain")]
mod connector;
#[cfg(not(feature = "aws-chain"))]
mod container;
mod credentials;
mod elsewhere;
pub(crate) mod s3;
pub(crate) mod sigv4;
pub(crate) mod stores;

use std::{fmt, sync::Arc};

use http::{HeaderMap, Method};
use reqwest::Url;
use spanlayer_host::{
    clock,
    vars::{Process, Vars},
};

pub use credentials::Credentials;
pub use elsewhere::Elsewhere;
pub use s3::{Bucket, Failure, Page};

pub use crate::destination::s3::S3;

use crate::{
    auth::cached::Cached,
    destination::http::{HttpClient, Transport},
    settings::{Proxy, proxy},
};
use credentials::Identity;
use sigv4::Scope;

/// AWS as this program sees it: whose credentials, and which region. Cloning shares both, and the connections.
///
/// By default `aws-config` finds them in the environment, or they come from the container's endpoint that it names, as inside
/// Lambda; with the cargo feature `aws-chain`, in all the places that the SDKs know (profile, web identity, instance). That is
/// at the first request that needs them and never before; they are renewed before they expire. `AWS_ENDPOINT_URL` and
/// `AWS_ENDPOINT_URL_<SERVICE>` lead elsewhere than to AWS, unless `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is true.
///
/// ```
/// use spanlayer_pipeline::aws::{Aws, Credentials};
///
/// let anywhere = Aws::default();
/// let fixed = Aws::fixed(Credentials::new("AKIDEXAMPLE", "s3cr3t"), "eu-west-1");
/// assert!(!format!("{fixed:?}").contains("s3cr3t"));
/// ```
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    identity: Cached<Identity>,
    http: Arc<HttpClient>,
    endpoint: Option<String>,
    /// Whether the environment is asked.
    found: bool,
}

impl Default for Aws {
    fn default() -> Self {
        let http = Arc::new(HttpClient::new(transport(&Process)));
        let chain = credentials::Chain { http: Arc::clone(&http), loaded: tokio::sync::OnceCell::new() };
        Self(Arc::new(Inner { identity: Cached::new(chain), http, endpoint: None, found: true }))
    }
}

impl Aws {
    /// These credentials and this region, whatever the environment says.
    pub fn fixed(credentials: Credentials, region: impl Into<String>) -> Self {
        let identity = Identity { credentials, region: Some(region.into()) };
        let http = Arc::new(HttpClient::new(transport(&Process)));
        Self(Arc::new(Inner {
            identity: Cached::new(credentials::Fixed(identity)),
            http,
            endpoint: None,
            found: false,
        }))
    }

    /// The same, with requests to another address than AWS's own: a local stand-in, for tests.
    #[must_use]
    pub fn at(self, endpoint: impl Into<String>) -> Self {
        let Inner { identity, http, found, .. } = &*self.0;
        let (identity, http, endpoint) = (identity.clone(), Arc::clone(http), Some(endpoint.into()));
        Self(Arc::new(Inner { identity, http, endpoint, found: *found }))
    }

    /// Signs a request, as one to a service in a region; by default the region that we are in.
    ///
    /// # Errors
    ///
    /// When there are no credentials or no region, in words that hold no secret.
    pub(crate) async fn sign(
        &self,
        (service, region): (&str, Option<&str>),
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), String> {
        let identity = self.0.identity.current().await?;
        let region = region.or(identity.region.as_deref()).ok_or(NO_REGION)?;
        let scope = Scope { region, service, at: clock::unix() };
        sigv4::sign(&identity.credentials, &scope, method, url, headers, body);
        Ok(())
    }

    /// Gets credentials anew.
    pub(crate) async fn renew(&self) -> Result<(), String> {
        self.0.identity.renew().await
    }

    /// What must not be repeated of what was sent.
    pub(crate) fn known(&self, into: &mut Vec<String>) {
        if let Some(identity) = self.0.identity.last() {
            into.extend(
                [&identity.credentials.secret, &identity.credentials.token].map(|s| s.reveal().to_owned()),
            );
        }
    }

    /// Where a service is: `id` as in `AWS_ENDPOINT_URL_<ID>`, `prefix` as in its host name.
    async fn endpoint(&self, id: &str, prefix: &str) -> Result<String, String> {
        if let Some(endpoint) = &self.0.endpoint {
            return Ok(endpoint.clone());
        }
        let set = endpoint_url(&Process, id);
        match set {
            Some(endpoint) => Ok(endpoint),
            None => Ok(host(prefix, self.region().await?.as_str())),
        }
    }

    async fn region(&self) -> Result<String, String> {
        self.0.identity.current().await?.region.ok_or_else(|| NO_REGION.to_owned())
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("endpoint", &self.0.endpoint).finish_non_exhaustive()
    }
}

/// Two are the same when they share everything, or both find everything in the environment.
impl PartialEq for Aws {
    fn eq(&self, other: &Self) -> bool {
        let found = self.0.found && other.0.found && self.0.endpoint == other.0.endpoint;
        found || Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Aws {}

/// Through the proxy of the usual variables, except to this machine and to where containers and instances get their
/// credentials.
fn transport(vars: &dyn Vars) -> Transport {
    let proxy =
        Url::parse("https://amazonaws.com").ok().and_then(|url| proxy::for_url(vars, &url).ok().flatten());
    let proxy = proxy.map(|proxy| Proxy {
        except: format!("{},127.0.0.1,localhost,169.254.169.254,169.254.170.2,169.254.170.23", proxy.except),
        ..proxy
    });
    Transport { tls: true, proxy, ..Transport::default() }
}

/// What the environment says instead of AWS's own address.
fn endpoint_url(vars: &dyn Vars, id: &str) -> Option<String> {
    if vars.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return None;
    }
    vars.get(&format!("AWS_ENDPOINT_URL_{id}")).or_else(|| vars.get("AWS_ENDPOINT_URL"))
}

/// AWS's own address of a service.
fn host(prefix: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{prefix}.{region}.{suffix}")
}

/// The service and region that a host name of AWS's OTLP endpoints stands for.
pub(crate) fn otlp_service(host: &str) -> Option<(&'static str, &str)> {
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let (service, region) = name.split_once('.')?;
    let service = ["xray", "logs", "monitoring"].into_iter().find(|known| *known == service)?;
    (!region.contains('.')).then_some((service, region))
}

const NO_REGION: &str = "no AWS region is set: set AWS_REGION";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn awss_own_otlp_endpoints_are_known_by_their_names() {
        assert_eq!(otlp_service("xray.eu-west-1.amazonaws.com"), Some(("xray", "eu-west-1")));
        assert_eq!(otlp_service("logs.cn-north-1.amazonaws.com.cn"), Some(("logs", "cn-north-1")));
        assert_eq!(otlp_service("monitoring.us-east-1.amazonaws.com"), Some(("monitoring", "us-east-1")));
        for other in [
            "s3.eu-west-1.amazonaws.com",
            "xray.amazonaws.com",
            "x.xray.eu-west-1.amazonaws.com",
            "xray.eu.example.com",
        ] {
            assert_eq!(otlp_service(other), None, "{other}");
        }
    }

    #[test]
    fn a_services_own_endpoint_variable_comes_before_the_one_for_all() {
        let mut vars =
            HashMap::from([("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_S3", "http://s3")]);
        assert_eq!(endpoint_url(&vars, "S3").as_deref(), Some("http://s3"));
        assert_eq!(endpoint_url(&vars, "SSM").as_deref(), Some("http://all"));
        vars.insert("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
        assert_eq!(endpoint_url(&vars, "S3"), None);
    }
}
