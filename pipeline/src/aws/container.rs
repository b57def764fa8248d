//! Credentials from the endpoint that a container's environment names; with SnapStart, Lambda's own (AWS SDKs and Tools
//! Reference Guide, *Container credential provider*). `aws-config` knows it too, but at the price of half a megabyte.

use std::{fs, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};
use reqwest::Url;
use serde_json::Value;
use spanlayer_host::vars::Vars;

use super::Credentials;
use crate::{Secret, destination::http::HttpClient, mapping::time::days};

/// Where to ask, and what to show there.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: Url,
    token: Option<Secret>,
}

/// What the environment names, if it names anything.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn endpoint(vars: &dyn Vars) -> Result<Option<Endpoint>, String> {
    let (var, address) = match (vars.get(RELATIVE), vars.get(FULL)) {
        (Some(path), _) => (RELATIVE, format!("http://169.254.170.2{path}")),
        (None, Some(address)) => (FULL, address),
        (None, None) => return Ok(None),
    };
    let url = Url::parse(&address).ok().filter(|url| {
        let host = url.host_str().unwrap_or_default();
        // The token that goes there must not leave this machine in the clear.
        url.scheme() == "https"
            || url.scheme() == "http" && (LOCAL.contains(&host) || host.starts_with("127."))
    });
    let wrong = || format!("{var} is no address that may be told a token: expected https or this machine");
    // A file is written anew when its token changes.
    let token = match vars.get(TOKEN_FILE) {
        Some(file) => {
            Some(fs::read_to_string(file).map_err(|error| format!("{TOKEN_FILE}: {}", error.kind()))?)
        }
        None => vars.get(TOKEN),
    };
    Ok(Some(Endpoint { url: url.ok_or_else(wrong)?, token: token.map(Secret::new) }))
}

/// Asks for credentials, and until when they are good.
///
/// # Errors
///
/// Why there are none.
pub(super) async fn credentials(
    http: &HttpClient,
    endpoint: Endpoint,
) -> Result<(Credentials, Option<Duration>), String> {
    let mut headers = HeaderMap::new();
    if let Some(token) = endpoint.token {
        let value = HeaderValue::from_str(token.reveal().trim());
        let mut value = value.map_err(|_| "the container's token cannot be sent")?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let asked = http.request(Method::GET, endpoint.url.as_str(), headers, Bytes::new());
    let answer =
        tokio::time::timeout(LIMIT, asked).await.map_err(|_| "the container's endpoint does not answer")?;
    let answer = answer.map_err(|why| format!("the container's endpoint: {why}"))?;
    if !answer.status.is_success() {
        return Err(format!("the container's endpoint: {}", answer.status));
    }
    read(&answer.body).ok_or_else(|| "the container's endpoint sent no credentials".to_owned())
}

fn read(body: &[u8]) -> Option<(Credentials, Option<Duration>)> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| json[key].as_str();
    let credentials = Credentials {
        id: text("AccessKeyId")?.to_owned(),
        secret: Secret::new(text("SecretAccessKey")?),
        token: Secret::new(text("Token").unwrap_or_default()),
    };
    Some((credentials, text("Expiration").and_then(unix_of)))
}

/// The Unix time of `2025-12-29T09:20:00Z`: RFC 3339 in UTC, fractions of a second left out.
fn unix_of(text: &str) -> Option<Duration> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let days = days(part(0, 4)?, part(5, 7)?, part(8, 10)?)?;
    let seconds = ((days * 24 + part(11, 13)?) * 60 + part(14, 16)?) * 60 + part(17, 19)?;
    text.ends_with('Z').then_some(Duration::from_secs(seconds))
}

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// This machine, and where ECS and EKS have theirs.
const LOCAL: [&str; 5] = ["localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

const LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        destination::http::Transport,
        servers::http::{Reply, Server, answer},
    };

    /// What an endpoint that answers so comes to, and what it was asked.
    async fn asked(reply: Reply) -> (Result<(Credentials, Option<Duration>), String>, String) {
        let server = Server::start([reply]).await;
        let url = format!("{}/creds?x=1", server.url());
        let endpoint = endpoint(&HashMap::from([(FULL, url.as_str()), (TOKEN, "t0ken-s3cret")])).unwrap();
        let http = HttpClient::new(Transport::default());
        let outcome = credentials(&http, endpoint.unwrap()).await;
        (outcome, server.requests()[0].head.clone())
    }

    #[tokio::test]
    async fn the_endpoint_is_shown_the_token_and_gives_a_key_that_ends() {
        let body = br#"{"AccessKeyId":"AKID","SecretAccessKey":"s","Token":"t","Expiration":"2025-12-29T09:20:00Z"}"#;
        let (outcome, head) = asked(Reply::Bytes(answer("200 OK", &[], body))).await;
        let (found, until) = outcome.unwrap();
        assert_eq!(found, Credentials::new("AKID", "s").with_token("t"));
        assert_eq!(until, Some(Duration::from_secs(1_767_000_000)));
        assert!(
            head.starts_with("GET /creds?x=1 ") && head.contains("authorization: t0ken-s3cret\n"),
            "{head}"
        );
    }

    #[tokio::test]
    async fn an_endpoint_that_gives_nothing_is_told_of_without_what_was_shown_to_it() {
        for (reply, says) in [
            (Reply::Bytes(answer("403 Forbidden", &[], b"t0ken-s3cret is wrong")), "403 Forbidden"),
            (Reply::Bytes(answer("200 OK", &[], b"{}")), "sent no credentials"),
            (Reply::Close, "no answer"),
        ] {
            let told = asked(reply).await.0.unwrap_err();
            assert!(told.contains(says) && !told.contains("s3cret"), "{told}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_says_nothing_is_given_up() {
        let told = asked(Reply::Hang).await.0.unwrap_err();
        assert!(told.contains("does not answer"), "{told}");
    }

    fn named(name: &str, value: &str) -> Result<String, String> {
        endpoint(&HashMap::from([(name, value)])).map(|found| found.unwrap().url.to_string())
    }

    #[test]
    fn a_token_is_told_to_this_machine_or_by_tls_only() {
        assert!(endpoint(&HashMap::<&str, &str>::new()).unwrap().is_none());
        assert_eq!(named(RELATIVE, "/v2/x").unwrap(), "http://169.254.170.2/v2/x");
        for good in
            ["http://127.0.0.1:9001/c", "http://localhost/c", "https://example.com/c", "http://[::1]:1/c"]
        {
            assert_eq!(named(FULL, good).unwrap(), good);
        }
        for bad in ["http://example.com/s3cret", "ftp://127.0.0.1/", "s3cret"] {
            let told = named(FULL, bad).unwrap_err();
            assert!(told.contains(FULL) && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn an_answer_holds_a_key_and_when_it_ends() {
        let body = br#"{"AccessKeyId":"AKID","SecretAccessKey":"s","Token":"t","Expiration":"2025-12-29T09:20:00Z"}"#;
        let expected = Credentials::new("AKID", "s").with_token("t");
        assert_eq!(read(body), Some((expected, Some(Duration::from_secs(1_767_000_000)))));
        assert_eq!(read(br#"{"message":"no"}"#), None);
    }
}
