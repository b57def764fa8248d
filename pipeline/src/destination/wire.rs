//! An HTTP client that says who we are, and asks anew for whatever says so when it is turned away.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
#[cfg(feature = "grpc")]
use reqwest::Body;

#[cfg(feature = "grpc")]
use super::http::Exchange;
use super::{
    Context,
    http::{Answer, HttpClient, Transport},
    secrets::Secrets,
};
use crate::{Batch, auth::Authenticator, ending::Fault};

#[derive(Debug)]
pub(crate) struct Wire {
    http: HttpClient,
    auth: Authenticator,
    secrets: Secrets,
}

impl Wire {
    pub(crate) fn new(
        transport: Transport,
        auth: Authenticator,
        secrets: Secrets,
        context: &Context,
    ) -> Self {
        Self { http: HttpClient::telling(transport, Some(context.tell())), auth, secrets }
    }

    /// Posts a body, made of a batch; a second time if the first was turned away and there is something new to show.
    ///
    /// # Errors
    ///
    /// When there is no answer, or nothing to say who we are, in words without secrets.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        batch: &Batch,
    ) -> Result<Answer, String> {
        let once = async || {
            let mut headers = headers.clone();
            let applied = self.auth.apply(&Method::POST, url, &mut headers, &body).await;
            applied.inspect_err(|_| batch.failed(Fault::Credentials))?;
            let answer = self.http.request(Method::POST, url, headers, body.clone()).await?;
            batch.answered_by(&answer);
            Ok(answer)
        };
        let answer: Answer = once().await?;
        let turned_away = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if turned_away && self.auth.renew().await? { once().await } else { Ok(answer) }
    }

    /// One request of gRPC, whose answer says in its trailers whether it was turned away.
    ///
    /// # Errors
    ///
    /// As for [`post`](Self::post).
    #[cfg(feature = "grpc")]
    pub(crate) async fn exchange(
        &self,
        url: &str,
        mut headers: HeaderMap,
        body: impl Fn() -> Body,
        batch: &Batch,
    ) -> Result<Exchange<'_>, String> {
        let applied = self.auth.apply(&Method::POST, url, &mut headers, &[]).await;
        applied.inspect_err(|_| batch.failed(Fault::Credentials))?;
        self.http.exchange(Method::POST, url, headers, body).await
    }

    /// We were turned away: whether there is something new to show.
    ///
    /// # Errors
    ///
    /// When there would be, but it cannot be had.
    #[cfg(feature = "grpc")]
    pub(crate) async fn renew(&self) -> Result<bool, String> {
        self.auth.renew().await
    }

    /// What must not be repeated, whatever the server echoes.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut known = self.auth.known();
        known.extend(self.secrets.iter().map(str::to_owned));
        known
    }
}
