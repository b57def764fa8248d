//! `s3://bucket/prefix` as an endpoint.

use std::time::Duration;

use super::{Destination, Otlp};
use crate::aws::{Bucket, S3};

/// The destination that such an endpoint means: in the format and compression of the other settings. The bucket's address
/// was found good.
pub(super) fn destination(address: &str, otlp: &Otlp, timeout: Option<Duration>) -> Destination {
    let (bucket, prefix) = address.trim_start_matches("s3://").split_once('/').unwrap_or((address, ""));
    let mut s3 = S3::in_bucket(Bucket::new(otlp.aws.clone(), bucket), super::percent_decoded(prefix));
    s3.format = otlp.protocol.format();
    s3.compression = otlp.compression;
    let signals =
        spanlayer_otlp::Signal::ALL.into_iter().filter(|signal| otlp.url(*signal).is_some()).collect();
    Destination { signals, timeout, ..Destination::s3(s3) }
}
