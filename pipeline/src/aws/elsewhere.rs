//! Texts that lie elsewhere: in a bucket, or on a web server.

use http::{HeaderMap, Method};
use spanlayer_host::vars::Process;

use super::{Aws, Bucket, transport};
use crate::destination::http::{HttpClient, MAX_ANSWER, Transport, quote};

/// Where a text lies: `s3://bucket/key`, `s3://bucket.s3.region.amazonaws.com/key`, or an `https` address (`http` on this
/// machine only: what configures a program must not be changed on its way).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Object { bucket: String, region: Option<String>, key: String },
    Page(String),
}

impl Elsewhere {
    /// Whether an address looks like one of such a place, right or wrong.
    pub fn is_meant(address: &str) -> bool {
        ["s3://", "https://", "http://"].iter().any(|scheme| address.starts_with(scheme))
    }

    /// Reads an address.
    ///
    /// # Errors
    ///
    /// What is expected instead.
    pub fn parse(address: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = address.split_once("://") else { return Err(EXPECTED.to_owned()) };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let name = host.split(':').next().unwrap_or_default();
        match scheme {
            _ if host.is_empty() || host.contains(['@', ' ']) => Err(EXPECTED.to_owned()),
            "s3" if path.is_empty() || host.contains(':') => Err(EXPECTED.to_owned()),
            "s3" => {
                let (bucket, region) = virtual_host(host).unwrap_or((host, None));
                let region = region.map(str::to_owned);
                Ok(Self(Place::Object { bucket: bucket.to_owned(), region, key: path.to_owned() }))
            }
            "https" => Ok(Self(Place::Page(address.to_owned()))),
            "http" if matches!(name, "localhost" | "127.0.0.1") => Ok(Self(Place::Page(address.to_owned()))),
            _ => Err(EXPECTED.to_owned()),
        }
    }

    /// Gets it: at most 4 MiB.
    ///
    /// # Errors
    ///
    /// What the server said, or what kept us from asking, in words without the address.
    pub async fn fetch(&self) -> Result<String, String> {
        let body = match &self.0 {
            Place::Object { bucket, region, key } => {
                let bucket = Bucket::new(Aws::default(), bucket.as_str());
                let bucket = match region {
                    Some(region) => bucket.in_region(region.as_str()),
                    None => bucket,
                };
                bucket.get(key).await.map_err(|failure| failure.why)?.into()
            }
            Place::Page(url) => {
                let client =
                    HttpClient::new(Transport { tls: url.starts_with("https"), ..transport(&Process) });
                let answer = client.request(Method::GET, url, HeaderMap::new(), bytes::Bytes::new()).await?;
                if answer.status.is_redirection() {
                    let remedy =
                        "what configures a program comes from where it was said to: name the last address";
                    return Err(format!("{}: {remedy}", answer.status));
                }
                if !answer.status.is_success() {
                    let said = String::from_utf8_lossy(&answer.body);
                    return Err(format!("{}: {}", answer.status, quote(&said, std::iter::empty())));
                }
                if !answer.complete || answer.body.len() > MAX_ANSWER {
                    return Err("it broke off, or is larger than 4 MiB".to_owned());
                }
                answer.body
            }
        };
        String::from_utf8(body).map_err(|_| "it is no text in UTF-8".to_owned())
    }
}

/// The bucket and the region that a host name of S3 stands for.
fn virtual_host(host: &str) -> Option<(&str, Option<&str>)> {
    let (bucket, rest) =
        host.strip_suffix(".amazonaws.com")?.rsplit_once(".s3").filter(|(bucket, _)| !bucket.is_empty())?;
    match rest.strip_prefix(['.', '-']) {
        None if rest.is_empty() => Some((bucket, None)),
        Some(region) if !region.contains('.') => Some((bucket, Some(region))),
        _ => None,
    }
}

const EXPECTED: &str =
    "expected s3://<bucket>/<key>, s3://<bucket>.s3.<region>.amazonaws.com/<key> or https://<host>/<path>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_buckets_and_of_web_servers() {
        let object = |bucket: &str, region: Option<&str>, key: &str| {
            let region = region.map(str::to_owned);
            Ok(Elsewhere(Place::Object { bucket: bucket.to_owned(), region, key: key.to_owned() }))
        };
        for (address, expected) in [
            ("s3://b/spanlayer.yaml", object("b", None, "spanlayer.yaml")),
            ("s3://b.c/a/b.yaml", object("b.c", None, "a/b.yaml")),
            ("s3://b.s3.eu-west-1.amazonaws.com/a/b.yaml", object("b", Some("eu-west-1"), "a/b.yaml")),
            ("s3://b.c.s3-eu-west-1.amazonaws.com/k", object("b.c", Some("eu-west-1"), "k")),
            ("s3://b.s3.amazonaws.com/k", object("b", None, "k")),
            ("https://h/x.yaml", Ok(Elsewhere(Place::Page("https://h/x.yaml".to_owned())))),
            ("http://127.0.0.1:9/x", Ok(Elsewhere(Place::Page("http://127.0.0.1:9/x".to_owned())))),
        ] {
            assert_eq!(Elsewhere::parse(address), expected, "{address}");
        }
        for wrong in [
            "s3://b",
            "s3://b/",
            "s3:///k",
            "http://h/x",
            "http://127.0.0.1.example.com/",
            "https://",
            "ftp://h/x",
            "https://u:p@h/x",
        ] {
            assert_eq!(Elsewhere::parse(wrong), Err(EXPECTED.to_owned()), "{wrong}");
        }
    }
}
