//! Who we are, and where: `aws-config`'s own chain, asked when first needed and again before what it said expires.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
#[cfg(not(feature = "aws-chain"))]
use aws_config::{environment::EnvironmentVariableRegionProvider, meta::region::ProvideRegion as _};
use aws_credential_types::provider::{
    ProvideCredentials as _, SharedCredentialsProvider, error::CredentialsError,
};
#[cfg(not(feature = "aws-chain"))]
use spanlayer_host::vars::{Process, Vars as _};
use tokio::sync::OnceCell;

#[cfg(feature = "aws-chain")]
use super::connector;
#[cfg(not(feature = "aws-chain"))]
use super::container;
use crate::{
    Secret,
    auth::cached::{BoxFuture, Fetch, Lease},
    destination::http::HttpClient,
};

/// An access key. Never shows its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(super) id: String,
    pub(super) secret: Secret,
    /// Empty unless the key is temporary.
    pub(super) token: Secret,
}

impl Credentials {
    /// A key that stays: its id and its secret.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: Secret::new(secret), token: Secret::new("") }
    }

    /// The session token that goes with a temporary key.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Secret::new(token);
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whose requests, and to which region unless they say.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    pub(super) region: Option<String>,
}

/// What does not change.
pub(super) struct Fixed(pub(super) Identity);

impl Fetch<Identity> for Fixed {
    fn fetch(&self) -> BoxFuture<'_, Result<Lease<Identity>, String>> {
        let identity = self.0.clone();
        Box::pin(async move { Ok(Lease::lasting(identity, Duration::MAX / 2)) })
    }
}

/// Whoever `aws-config` finds.
pub(super) struct Chain {
    pub(super) http: Arc<HttpClient>,
    pub(super) loaded: OnceCell<Found>,
}

/// Who gives credentials, and which region is set.
pub(super) struct Found {
    provider: SharedCredentialsProvider,
    region: Option<String>,
}

impl Fetch<Identity> for Chain {
    fn fetch(&self) -> BoxFuture<'_, Result<Lease<Identity>, String>> {
        Box::pin(async move {
            let found = self.loaded.get_or_init(|| find(&self.http)).await;
            let region = found.region.clone();
            #[cfg(not(feature = "aws-chain"))]
            if Process.get("AWS_ACCESS_KEY_ID").is_none()
                && let Some(endpoint) = container::endpoint(&Process)?
            {
                let (credentials, expiry) = container::credentials(&self.http, endpoint).await?;
                return Ok(lease(Identity { credentials, region }, expiry));
            }
            let key = found.provider.provide_credentials().await.map_err(|error| told(&error))?;
            let credentials = Credentials {
                id: key.access_key_id().to_owned(),
                secret: Secret::new(key.secret_access_key()),
                token: Secret::new(key.session_token().unwrap_or_default()),
            };
            let expiry = key.expiry().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            Ok(lease(Identity { credentials, region }, expiry))
        })
    }
}

fn lease(identity: Identity, expiry: Option<Duration>) -> Lease<Identity> {
    match expiry {
        Some(at) => Lease::until(identity, at),
        // Those of the environment have no end of their own. Looked up again, they cost nothing.
        None => Lease::lasting(identity, Duration::from_secs(300)),
    }
}

/// The whole chain of the SDKs: environment, profile, web identity, container, instance.
#[cfg(feature = "aws-chain")]
async fn find(http: &Arc<HttpClient>) -> Found {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(connector::client(Arc::clone(http)))
        .sleep_impl(connector::Sleeps)
        .load()
        .await;
    let environment = || SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let provider = config.credentials_provider().unwrap_or_else(environment);
    Found { provider, region: config.region().map(ToString::to_string) }
}

/// What there is inside Lambda: the environment. (With SnapStart, it names a container's endpoint.)
#[cfg(not(feature = "aws-chain"))]
async fn find(_: &Arc<HttpClient>) -> Found {
    let region = EnvironmentVariableRegionProvider::new().region().await;
    let provider = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    Found { provider, region: region.map(|region| region.to_string()) }
}

/// What kept us from getting credentials, without what they are.
fn told(error: &CredentialsError) -> String {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role".to_owned()
        }
        CredentialsError::ProviderTimedOut(_) => "the provider of AWS credentials did not answer in time".to_owned(),
        CredentialsError::InvalidConfiguration(_) => "the configuration of AWS credentials is wrong".to_owned(),
        _ => "the provider of AWS credentials failed".to_owned(),
    }
}
