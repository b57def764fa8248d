//! Letters as objects of S3: one object for each, or several where it is very large.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use tokio::time::sleep;

use crate::{
    aws::{Aws, Bucket, Failure, Page},
    mapping::time::date,
    settings::percent_decoded,
};

/// A bucket, and what the keys in it begin with. Writing needs `s3:PutObject`; reading and clearing away also
/// `s3:ListBucket`, `s3:GetObject` and `s3:DeleteObject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    bucket: Bucket,
    prefix: String,
}

impl Objects {
    /// Letters in a bucket; `prefix` is a folder, with or without the slash at its end, or empty.
    pub fn in_bucket(bucket: Bucket, prefix: &str) -> Self {
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        Self { bucket, prefix: format!("{prefix}{slash}") }
    }

    /// `//bucket/prefix`, with or without `s3:` before it, with the credentials and the region of the environment.
    ///
    /// # Errors
    ///
    /// In words, when it is no such thing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "expected a bucket such as s3://telemetry-letters/prod/".to_owned();
        let rest = text.strip_prefix("s3:").unwrap_or(text).strip_prefix("//").ok_or_else(wrong)?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if !(3..=63).contains(&name.len()) || !name.bytes().all(usual) {
            return Err(wrong());
        }
        Ok(Self::in_bucket(Bucket::new(Aws::default(), name), &percent_decoded(prefix)))
    }

    /// Puts a letter's lines. An attempt that failed in passing is repeated: to the same keys, so that there is one of
    /// each whatever the first had come to.
    pub(super) async fn put(&self, at: u64, key: &str, lines: &str) -> Result<(), String> {
        let (year, month, day) = date(at / 86_400_000);
        let stem = format!("{}{year:04}/{month:02}/{day:02}/{at}-{key}", self.prefix);
        for (number, object) in (1..).zip(portions(lines)) {
            let part = if number > 1 { format!(".{number}") } else { String::new() };
            self.put_one(&format!("{stem}{part}.{SUFFIX}"), Bytes::copy_from_slice(object.as_bytes()))
                .await
                .map_err(|failure| format!("{self}: {failure}"))?;
        }
        Ok(())
    }

    async fn put_one(&self, key: &str, body: Bytes) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        let mut waits = WAITS.iter();
        loop {
            match self.bucket.put(key, headers.clone(), body.clone()).await {
                Err(failure) if failure.is_passing() => match waits.next() {
                    Some(wait) => sleep(failure.after.unwrap_or(*wait)).await,
                    None => return Err(failure),
                },
                settled => return settled,
            }
        }
    }

    /// Keys of letters, at most a thousand at a time, oldest first.
    ///
    /// # Errors
    ///
    /// What S3 said, or what kept us from asking.
    pub async fn list(&self, page: Option<&str>) -> Result<Page, Failure> {
        let mut listed = self.bucket.list(&self.prefix, page).await?;
        listed.keys.retain(|key| key.ends_with(SUFFIX));
        Ok(listed)
    }

    /// The lines of an object.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub async fn read(&self, key: &str) -> Result<String, Failure> {
        let bytes = self.bucket.get(key).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Removes an object.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.bucket.delete(key).await
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket.name(), self.prefix)
    }
}

/// Whole lines, at most this much at a time: what can be read back in one go.
fn portions(lines: &str) -> impl Iterator<Item = &str> {
    let mut rest = lines;
    std::iter::from_fn(move || {
        let mut end = 0;
        for line in rest.split_inclusive('\n') {
            if end > 0 && end + line.len() > PORTION {
                break;
            }
            end += line.len();
        }
        let (portion, after) = rest.split_at(end);
        rest = after;
        (!portion.is_empty()).then_some(portion)
    })
}

const SUFFIX: &str = "jsonl";

/// S3 answers with at most 4 MiB here, and lines are at most 200 KB.
const PORTION: usize = 3 << 20;

/// Between the attempts of one object.
const WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_with_or_without_a_folder() {
        for (text, shown) in [
            ("s3://letters", "s3://letters/"),
            ("//letters/", "s3://letters/"),
            ("s3://letters/prod", "s3://letters/prod/"),
            ("s3://letters/a%20b/", "s3://letters/a b/"),
        ] {
            assert_eq!(Objects::parse(text).unwrap().to_string(), shown);
        }
        for wrong in
            ["", "letters", "s3:letters", "s3://", "s3:///prod", "s3://Letters", "s3://ab", "s3://a:1/"]
        {
            assert!(Objects::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_letter_of_many_lines_is_cut_between_them() {
        let line = format!("{}\n", "x".repeat(199_999));
        let lines = line.repeat(40);
        let cut: Vec<&str> = portions(&lines).collect();
        assert_eq!(cut.concat(), lines);
        assert!(cut.len() == 3 && cut.iter().all(|one| one.len() <= PORTION && one.ends_with('\n')));
        assert_eq!(portions("").count(), 0);
        assert_eq!(portions("a").collect::<Vec<_>>(), ["a"]);
    }
}
