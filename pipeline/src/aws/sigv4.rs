//! Signature Version 4 (*AWS General Reference*, "Signing AWS API requests"): a hash of the request, signed with a key that
//! is derived from the secret for a day, a region and a service.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use reqwest::Url;
use ring::{
    digest::{SHA256, digest},
    hmac,
};
use spanlayer_otlp::json::text::hex;

use super::Credentials;

/// What a signature is good for.
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    /// Unix time.
    pub(crate) at: Duration,
}

/// Adds the headers that say who asks, and that nothing was changed on the way.
pub(crate) fn sign(
    credentials: &Credentials,
    scope: &Scope<'_>,
    method: &Method,
    url: &Url,
    headers: &mut HeaderMap,
    body: &[u8],
) {
    let moment = moment(scope.at);
    let payload = hexed(digest(&SHA256, body).as_ref());
    put(headers, "x-amz-date", &moment);
    if scope.service == "s3" {
        put(headers, "x-amz-content-sha256", &payload);
    }
    if !credentials.token.reveal().is_empty() {
        put(headers, "x-amz-security-token", credentials.token.reveal());
    }
    headers.remove(AUTHORIZATION);
    let (signed, lines) = canonical_headers(url, headers);
    let path = canonical_path(url.path(), scope.service != "s3");
    let query = canonical_query(url);
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}");
    let day = moment.get(..8).unwrap_or_default();
    let range = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let request = hexed(digest(&SHA256, request.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{range}\n{request}");
    let first = format!("AWS4{}", credentials.secret.reveal());
    let key = [day, scope.region, scope.service, "aws4_request"]
        .iter()
        .fold(first.into_bytes(), |key, part| mac(&key, part.as_bytes()).as_ref().to_vec());
    let signature = hexed(mac(&key, text.as_bytes()).as_ref());
    put(
        headers,
        "authorization",
        &format!(
            "AWS4-HMAC-SHA256 Credential={}/{range}, SignedHeaders={signed}, Signature={signature}",
            credentials.id
        ),
    );
}

/// The names of what is signed, and the lines that are. All that is there, but for what proxies and our own HTTP client
/// may change.
fn canonical_headers(url: &Url, headers: &HeaderMap) -> (String, String) {
    let mut all: Vec<(String, String)> = headers
        .keys()
        .filter(|name| !UNSIGNED.contains(&name.as_str()))
        .map(|name| {
            let values = headers.get_all(name).iter().map(|value| trimmed(value.as_bytes()));
            (name.as_str().to_owned(), values.collect::<Vec<_>>().join(","))
        })
        .collect();
    let host = url.host_str().unwrap_or_default();
    all.push((
        "host".to_owned(),
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    ));
    all.sort();
    let names = all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let lines = all.iter().fold(String::new(), |mut lines, (name, value)| {
        let _ = writeln!(lines, "{name}:{value}"); // writing to a string cannot fail
        lines
    });
    (names, lines)
}

/// Without spaces around, and one where there are several.
fn trimmed(value: &[u8]) -> String {
    String::from_utf8_lossy(value).split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The path as the address has it; encoded once more for every service but S3.
fn canonical_path(path: &str, twice: bool) -> String {
    match (path, twice) {
        ("", _) => "/".to_owned(),
        (path, true) => path.split('/').map(|part| encoded(part.as_bytes())).collect::<Vec<_>>().join("/"),
        (path, false) => path.to_owned(),
    }
}

fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (encoded(name.as_bytes()), encoded(value.as_bytes())))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(*byte))
            }
            _ => {
                let _ = write!(out, "%{byte:02X}"); // writing to a string cannot fail
            }
        }
    }
    out
}

/// `20150830T123600Z`.
fn moment(at: Duration) -> String {
    let second = at.as_secs() % 86_400;
    let (year, month, day) = crate::mapping::time::date(at.as_secs() / 86_400);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // Keys and tokens come from AWS and are ASCII; what is not cannot be sent, and the server will say so.
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn hexed(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    hex(&mut out, bytes);
    out
}

const UNSIGNED: [&str; 7] =
    ["accept-encoding", "connection", "expect", "te", "traceparent", "user-agent", "x-amzn-trace-id"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of AWS's suite of signing tests (`aws-sig-v4-test-suite`).
    fn suite() -> Credentials {
        Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    }

    /// 2015-08-30 12:36:00, the suite's moment.
    const AT: Duration = Duration::from_secs(1_440_938_160);

    struct Case<'a> {
        credentials: Credentials,
        scope: Scope<'a>,
        method: Method,
        url: &'a str,
        headers: &'a [(&'static str, &'a str)],
        body: &'a str,
    }

    impl<'a> Case<'a> {
        fn new(method: Method, url: &'a str) -> Self {
            let scope = Scope { region: "us-east-1", service: "service", at: AT };
            Self { credentials: suite(), scope, method, url, headers: &[], body: "" }
        }

        /// From the documentation of S3, "Examples: Signature Calculations".
        fn s3(method: Method, url: &'a str) -> Self {
            Self {
                credentials: Credentials::new(
                    "AKIAIOSFODNN7EXAMPLE",
                    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                ),
                scope: Scope { region: "us-east-1", service: "s3", at: Duration::from_secs(1_369_353_600) },
                ..Self::new(method, url)
            }
        }

        fn signature(self) -> String {
            let mut headers = HeaderMap::new();
            for (name, value) in self.headers {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            let url = Url::parse(self.url).unwrap();
            sign(&self.credentials, &self.scope, &self.method, &url, &mut headers, self.body.as_bytes());
            let text = headers[AUTHORIZATION].to_str().unwrap().to_owned();
            assert!(headers[AUTHORIZATION].is_sensitive());
            text.split_once("Signature=").unwrap().1.to_owned()
        }
    }

    #[test]
    fn requests_of_awss_suite_are_signed_as_it_says() {
        for (method, path, expected) in [
            (Method::GET, "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (Method::POST, "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                Method::GET,
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (Method::GET, "//example//", "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"),
        ] {
            let url = format!("https://example.amazonaws.com{path}");
            assert_eq!(Case::new(method.clone(), &url).signature(), expected, "{method} {path}");
        }
        let form = Case {
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            body: "Param1=value1",
            ..Case::new(Method::POST, "https://example.amazonaws.com/")
        };
        let expected = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        assert_eq!(form.signature(), expected);
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let case = Case {
            credentials: suite().with_token(token),
            ..Case::new(Method::GET, "https://example.amazonaws.com/")
        };
        assert_eq!(case.signature(), "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
    }

    #[test]
    fn the_examples_of_s3s_documentation_are_signed_as_it_says() {
        let get = Case {
            headers: &[("range", "bytes=0-9")],
            ..Case::s3(Method::GET, "https://examplebucket.s3.amazonaws.com/test.txt")
        };
        assert_eq!(get.signature(), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        let list = Case::s3(Method::GET, "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J");
        assert_eq!(list.signature(), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
        let put = Case {
            headers: &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            body: "Welcome to Amazon S3.",
            ..Case::s3(Method::PUT, "https://examplebucket.s3.amazonaws.com/test%24file.text")
        };
        assert_eq!(put.signature(), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    }

    #[test]
    fn paths_are_encoded_once_more_for_every_service_but_s3() {
        let path = "/test/@connections/JBDvjfGEIAMCERw%3D";
        assert_eq!(canonical_path(path, true), "/test/%40connections/JBDvjfGEIAMCERw%253D");
        assert_eq!(canonical_path(path, false), path);
        assert_eq!(canonical_path("", true), "/");
    }
}
