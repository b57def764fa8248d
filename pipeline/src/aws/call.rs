//! Calls of the JSON protocol (`application/x-amz-json-1.1`): one signed POST each.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
use reqwest::Url;
use serde_json::Value;

use super::Aws;
use crate::destination::http::{Answer, quote};

impl Aws {
    /// Calls an operation of a service, whose variable is `AWS_ENDPOINT_URL_<id>`.
    ///
    /// # Errors
    ///
    /// What AWS said, or what kept us from asking; never what was asked for.
    pub(super) async fn call(
        &self,
        (id, service): (&str, &str),
        target: &'static str,
        body: &Value,
    ) -> Result<Value, String> {
        let url = Url::parse(&self.endpoint(id, service).await?)
            .map_err(|_| format!("the endpoint of {id} is wrong"))?;
        let body = Bytes::from(body.to_string());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", HeaderValue::from_static(target));
        let answer = self.send((service, None), Method::POST, &url, headers, body).await?;
        if answer.status.is_success() {
            return serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON".to_owned());
        }
        Err(self.refusal(&answer))
    }

    /// Signs for a service and a region, by default ours, and sends, and once more with new credentials if these are no longer good.
    pub(super) async fn send(
        &self,
        scope: (&str, Option<&str>),
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let once = async || {
            let mut headers = headers.clone();
            self.sign(scope, &method, url, &mut headers, &body).await?;
            self.0.http.request(method.clone(), url.as_str(), headers, body.clone()).await
        };
        let answer = once().await?;
        if !expired(&answer) {
            return Ok(answer);
        }
        self.renew().await?;
        once().await
    }

    /// Status, kind and words of an answer that is no success.
    pub(super) fn refusal(&self, answer: &Answer) -> String {
        let mut secrets = Vec::new();
        self.known(&mut secrets);
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let said = json.as_ref().map(|json| {
            let text = |keys: [&str; 2]| keys.iter().find_map(|key| json[*key].as_str()).unwrap_or_default();
            let kind = text(["__type", "code"]).rsplit('#').next().unwrap_or_default().to_owned();
            format!("{kind} {}", text(["message", "Message"]))
        });
        let words = said.unwrap_or_else(|| String::from_utf8_lossy(&answer.body).into_owned());
        format!("{}: {}", answer.status, quote(&words, secrets.iter().map(String::as_str)))
    }
}

/// Whether it was the credentials that were turned away because of their age.
fn expired(answer: &Answer) -> bool {
    let said = String::from_utf8_lossy(&answer.body);
    matches!(answer.status.as_u16(), 400 | 401 | 403)
        && ["ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient"]
            .iter()
            .any(|kind| said.contains(kind))
}
