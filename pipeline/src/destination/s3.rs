//! Objects of S3: one for each batch, under a key that a repetition has as well.

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

use crate::{
    Batch, Code, Compression, Deadline, Destination, Encoding, Export, Format, Outcome, Signal,
    aws::{Aws, Bucket},
    read,
};

/// Where objects go, and what they hold.
///
/// ```
/// use spanlayer_pipeline::{Destination, Format, aws::S3};
///
/// let mut archive = S3::new("telemetry-archive", "prod/");
/// archive.format = Format::Json;
/// let destination = Destination::s3(archive);
/// assert_eq!(&*destination.name, "s3://telemetry-archive/prod/");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct S3 {
    /// The bucket.
    pub bucket: Bucket,
    /// What keys begin with; may be empty.
    pub prefix: String,
    /// What objects hold: an `Export*ServiceRequest` in protobuf (`.binpb`), or the same as one line of JSON (`.json`).
    pub format: Format,
    /// How objects are compressed, which their keys and their `Content-Encoding` say.
    pub compression: Compression,
}

impl S3 {
    /// Protobuf, gzip, with the credentials and region of the environment.
    pub fn new(bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self::in_bucket(Bucket::new(Aws::default(), bucket), prefix)
    }

    /// The same, in a bucket that was made otherwise.
    pub fn in_bucket(bucket: Bucket, prefix: impl Into<String>) -> Self {
        Self { bucket, prefix: prefix.into(), format: Format::Protobuf, compression: Compression::GZIP }
    }

    /// By the hour of the first item's own time, so that a batch has one key whenever it is sent, and a repetition
    /// overwrites what the first attempt may have left.
    fn key(&self, batch: &Batch) -> String {
        let seconds = moment(batch) / 1_000_000_000;
        let (year, month, day) = crate::mapping::time::date(seconds / 86_400);
        let (hour, signal, key) = (seconds / 3600 % 24, batch.signal().name(), batch.idempotency_key());
        let format = if self.format == Format::Json { "json" } else { "binpb" };
        let compression = match self.compression {
            Compression::None => "",
            Compression::Gzip(_) => ".gz",
            Compression::Zstd(_) => ".zst",
        };
        format!(
            "{}{signal}/year={year:04}/month={month:02}/day={day:02}/hour={hour:02}/{key}.{format}{compression}",
            self.prefix
        )
    }
}

impl Destination {
    /// Objects in a bucket of S3, or of whatever speaks its protocol (`AWS_ENDPOINT_URL_S3`).
    ///
    /// | | |
    /// |---|---|
    /// | key | `<prefix>traces/year=2026/month=01/day=31/hour=23/<idempotency key>.binpb.gz` |
    /// | limit of an attempt | 30 s |
    /// | batch | 2 MiB, 8,192 items; an empty one makes no object |
    /// | format, compression | protobuf, gzip |
    /// | sent again | after 408, 429, 5xx, or no answer: to the same key |
    /// | needs | `s3:PutObject` |
    ///
    /// Whatever else S3 answers is final, and told in its words (*Amazon S3 API Reference*, "Error responses"); requests are
    /// signed by SigV4 (*AWS General Reference*, "Signature Version 4").
    ///
    /// ```
    /// use spanlayer_pipeline::{Destination, Pipeline, Settings, aws::S3};
    ///
    /// let archive = Destination::s3(S3::new("telemetry-archive", "prod/"));
    /// let pipeline = Pipeline::new(Settings::to([archive]));
    /// ```
    pub fn s3(s3: S3) -> Self {
        let name = format!("s3://{}/{}", s3.bucket.name(), s3.prefix);
        let timeout = Some(std::time::Duration::from_secs(30));
        Self { timeout, ..Self::custom(name, Signal::ALL, S3Export(s3)) }.speaking("spanlayer_s3", None)
    }
}

struct S3Export(S3);

impl Export for S3Export {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        if batch.items() == 0 {
            return Outcome::DELIVERED; // nothing to keep
        }
        let s3 = &self.0;
        let body = match batch.encoded(Encoding::new(s3.format, s3.compression)).await {
            Ok(body) => body,
            Err(error) => return Outcome::refused(format!("cannot encode the batch: {error}")),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(s3.format.content_type()));
        if let Some(encoding) = s3.compression.content_encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        match s3.bucket.put(&s3.key(&batch), headers, body).await {
            Ok(()) => {
                batch.answered(Code::Http(200));
                Outcome::DELIVERED
            }
            Err(failure) => {
                if failure.status > 0 {
                    batch.answered(Code::Http(failure.status));
                }
                match failure.is_passing() {
                    true => Outcome::Retry { after: failure.after, why: failure.why },
                    false => Outcome::refused(failure.why),
                }
            }
        }
    }
}

/// When the first item was recorded, Unix time in nanoseconds.
fn moment(batch: &Batch) -> u64 {
    let request = batch.request();
    let time = match batch.signal() {
        Signal::Traces => read::spans(&request).next().map(|span| span.end),
        Signal::Logs => {
            read::logs(&request).next().map(|log| if log.time == 0 { log.observed } else { log.time })
        }
        Signal::Metrics => {
            read::metrics(&request).find_map(|metric| metric.points().next().map(|point| point.time))
        }
    };
    time.unwrap_or_default()
}
