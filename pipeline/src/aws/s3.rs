//! Objects of S3, and what speaks its protocol: put, get, list, delete.

use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::Url;
use spanlayer_host::vars::Process;

use super::{Aws, endpoint_url, host, sigv4::encoded};
use crate::destination::http::Answer;

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    aws: Aws,
    name: String,
    /// Whether its name is part of the path, rather than of the host name.
    in_path: Option<bool>,
    /// Unless it is where we are.
    region: Option<String>,
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// In the order of their bytes.
    pub keys: Vec<String>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

impl Bucket {
    /// A bucket by its name. It is part of the host name, as AWS wants it; of the path where an endpoint of one's own is set
    /// (`AWS_ENDPOINT_URL_S3`), or where it has a dot, which AWS's certificates do not cover.
    pub fn new(aws: Aws, name: impl Into<String>) -> Self {
        Self { aws, name: name.into(), in_path: None, region: None }
    }

    /// Whether the name goes into the path, whatever the endpoint.
    #[must_use]
    pub const fn in_path(mut self, yes: bool) -> Self {
        self.in_path = Some(yes);
        self
    }

    /// Where it is, if that is another region than ours.
    #[must_use]
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts an object in the place of whatever has its key.
    ///
    /// # Errors
    ///
    /// What S3 said, or what kept us from asking.
    pub async fn put(&self, key: &str, headers: HeaderMap, body: Bytes) -> Result<(), Failure> {
        self.expect(Method::PUT, key, "", headers, body).await.map(|_| ())
    }

    /// Gets an object of at most 4 MiB.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put).
    pub async fn get(&self, key: &str) -> Result<Bytes, Failure> {
        let answer = self.expect(Method::GET, key, "", HeaderMap::new(), Bytes::new()).await?;
        if !answer.complete || answer.body.len() > crate::destination::http::MAX_ANSWER {
            return Err(Failure::lost("the object broke off, or is larger than 4 MiB".to_owned()));
        }
        Ok(answer.body.into())
    }

    /// Deletes an object, if there is one.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put).
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.expect(Method::DELETE, key, "", HeaderMap::new(), Bytes::new()).await.map(|_| ())
    }

    /// Lists keys that begin with `prefix`, at most a thousand at a time.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put).
    pub async fn list(&self, prefix: &str, page: Option<&str>) -> Result<Page, Failure> {
        let mut query = format!("list-type=2&prefix={}", encoded(prefix.as_bytes()));
        if let Some(page) = page {
            query.push_str(&format!("&continuation-token={}", encoded(page.as_bytes())));
        }
        let answer = self.expect(Method::GET, "", &query, HeaderMap::new(), Bytes::new()).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let mut rest = &*text;
        let mut keys = Vec::new();
        while let Some((key, after)) = element(rest, "Key") {
            keys.push(unescaped(key));
            rest = after;
        }
        let next = element(&text, "NextContinuationToken").map(|(token, _)| unescaped(token));
        Ok(Page { keys, next })
    }

    async fn expect(
        &self,
        method: Method,
        key: &str,
        query: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let url = self.url(key, query).await.map_err(Failure::lost)?;
        let answer = self
            .aws
            .send(("s3", self.region.as_deref()), method, &url, headers, body)
            .await
            .map_err(Failure::lost)?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let mut why = self.aws.refusal(&answer);
        let text = String::from_utf8_lossy(&answer.body);
        if let (Some((code, _)), Some((message, _))) = (element(&text, "Code"), element(&text, "Message")) {
            why = format!("{}: {} {}", answer.status, unescaped(code), unescaped(message));
        }
        Err(Failure { status: answer.status.as_u16(), after: answer.retry_after(), why })
    }

    async fn url(&self, key: &str, query: &str) -> Result<Url, String> {
        let set = self.aws.0.endpoint.clone().or_else(|| endpoint_url(&Process, "S3"));
        let in_path = self.in_path.unwrap_or(set.is_some() || self.name.contains('.'));
        let base = match set {
            Some(endpoint) => endpoint,
            None => match &self.region {
                Some(region) => host("s3", region),
                None => host("s3", &self.aws.region().await?),
            },
        };
        let mut url = Url::parse(&base).map_err(|_| "the endpoint of S3 is wrong")?;
        let path = key.split('/').map(|part| encoded(part.as_bytes())).collect::<Vec<_>>().join("/");
        if in_path {
            url.set_path(&format!("{}/{}/{path}", url.path().trim_end_matches('/'), self.name));
        } else {
            let host = format!("{}.{}", self.name, url.host_str().unwrap_or_default());
            url.set_host(Some(&host)).map_err(|_| "the bucket's name is not one that a host may have")?;
            url.set_path(&format!("/{path}"));
        }
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        Ok(url)
    }
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The status of S3's answer; 0 when there was none.
    pub status: u16,
    /// How long S3 asks to be left alone.
    pub after: Option<std::time::Duration>,
    /// In words.
    pub why: String,
}

impl Failure {
    const fn lost(why: String) -> Self {
        Self { status: 0, after: None, why }
    }

    /// Whether another attempt may fare better.
    pub const fn is_passing(&self) -> bool {
        matches!(self.status, 0 | 408 | 429 | 500..=599)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Failure {}

/// The text of the first element of this name, and what follows it. S3's answers are flat, and have no attributes there.
fn element<'t>(text: &'t str, name: &str) -> Option<(&'t str, &'t str)> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
}

fn unescaped(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    plain.replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Credentials;

    async fn url(bucket: &str, key: &str, in_path: Option<bool>) -> String {
        let aws = Aws::fixed(Credentials::new("AKID", "secret"), "eu-west-1");
        let bucket = Bucket { aws, name: bucket.to_owned(), in_path, region: None };
        bucket.url(key, "").await.unwrap().to_string()
    }

    #[tokio::test]
    async fn a_bucket_is_in_the_host_name_unless_it_cannot_be() {
        let object = "https://b.s3.eu-west-1.amazonaws.com/a/b%20c%2Bd/%C3%BC";
        assert_eq!(url("b", "a/b c+d/ü", None).await, object);
        assert_eq!(url("b.c", "k", None).await, "https://s3.eu-west-1.amazonaws.com/b.c/k");
        assert_eq!(url("b", "k", Some(true)).await, "https://s3.eu-west-1.amazonaws.com/b/k");
    }

    #[test]
    fn what_s3_lists_is_unescaped() {
        let (key, rest) = element("<a><Key>x &amp;lt; y</Key><Key>z</Key></a>", "Key").unwrap();
        assert_eq!((unescaped(key).as_str(), element(rest, "Key").unwrap().0), ("x &lt; y", "z"));
    }
}
