//! What a server said, as far as it was read, and how it may be repeated.

use std::{
    borrow::Cow,
    time::{Duration, UNIX_EPOCH},
};

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use spanlayer_otlp::json::text::quoted;

use crate::settings::form_encoded;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as announced, or was cut off by us.
    pub(crate) complete: bool,
    /// When it came, Unix time.
    pub(crate) at: Duration,
}

impl Answer {
    /// The value of `Content-Type`.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.headers.get(CONTENT_TYPE)?.to_str().ok()
    }

    /// How long the server asks to be left alone: seconds, or a date (RFC 9110, 10.2.3). `None` for anything else.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than fit is still "not for a long time".
            return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
        }
        let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(date.saturating_sub(self.at))
    }

    /// The status, and what the server says about it, or else the body as text. `secrets` are not repeated, whatever
    /// the server echoes.
    pub(crate) fn why<'s>(&self, said: Option<&str>, secrets: impl Iterator<Item = &'s str>) -> String {
        // Proxies and frameworks answer in HTML or plain text whatever was asked.
        let said = said.map_or_else(|| String::from_utf8_lossy(&self.body), Cow::Borrowed);
        let words = match self.headers.get(LOCATION).filter(|_| self.status.is_redirection()) {
            Some(to) => {
                let to = String::from_utf8_lossy(to.as_bytes());
                quote(&format!("not followed; it leads to {to} {said}"), secrets)
            }
            None => quote(&said, secrets),
        };
        if words.is_empty() { self.status.to_string() } else { format!("{}: {words}", self.status) }
    }
}

/// The first 200 characters on one line, without the secrets, which are looked for before anything is cut: as they are, and
/// as JSON and forms have them.
pub(crate) fn quote<'s>(words: &str, secrets: impl Iterator<Item = &'s str>) -> String {
    if words.is_empty() {
        // A success says nothing, mostly, and its exports are waited for: there is nothing to look for.
        return String::new();
    }
    let mut words = words.to_owned();
    // `Bearer abc` may come back as `abc`. What is shorter is no secret, and would tear holes into every message.
    let forms = secrets
        .flat_map(|value| [value, value.rsplit(' ').next().unwrap_or_default()])
        .filter(|secret| secret.len() >= 6)
        .flat_map(|secret| {
            let (mut json, form) = (String::new(), form_encoded(secret));
            quoted(&mut json, secret);
            [secret.to_owned(), json[1..json.len() - 1].to_owned(), form.replace('+', "%20"), form]
        });
    // The longest first: one may begin another, of which the rest would stay.
    let mut secrets: Vec<String> = Vec::new();
    for secret in forms {
        secrets.insert(secrets.partition_point(|one| one.len() >= secret.len()), secret);
    }
    for secret in secrets {
        words = words.replace(&secret, "***");
    }
    let printable = words.split_whitespace().collect::<Vec<_>>().join(" ");
    printable.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

/// Limit of an answer (OTLP specification, *OTLP/HTTP Response*).
pub(crate) const MAX_ANSWER: usize = 4 << 20;

const MAX_WORDS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_says_where_it_leads_without_the_secrets() {
        let headers = [(LOCATION, "https://new.example/v1/traces?key=s3cret-token".parse().unwrap())];
        let moved = Answer {
            status: StatusCode::TEMPORARY_REDIRECT,
            headers: headers.into_iter().collect(),
            body: Vec::new(),
            complete: true,
            at: Duration::ZERO,
        };
        assert_eq!(
            moved.why(None, ["s3cret-token"].into_iter()),
            "307 Temporary Redirect: not followed; it leads to https://new.example/v1/traces?key=***"
        );
    }

    #[test]
    fn a_secret_is_known_in_the_forms_that_json_and_forms_give_it() {
        let secret = r#"pä ss"w\ord/+"#;
        let json = serde_json::json!({ "seen": secret }).to_string();
        for echo in
            [secret, &json, "client_secret=p%C3%A4+ss%22w%5Cord%2F%2B", "p%C3%A4%20ss%22w%5Cord%2F%2B"]
        {
            let told = quote(echo, [secret].into_iter());
            assert!(told.contains("***") && !told.contains("ord"), "{told}");
        }
    }
}
