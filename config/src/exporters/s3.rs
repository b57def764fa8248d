//! Buckets.

use spanlayer_pipeline::{
    Destination, Format,
    aws::{Aws, Bucket, S3},
};

use super::{Maker, compression};
use crate::{declared::Declared, options::section::Section};

impl Maker<'_, '_> {
    pub(super) fn s3(&mut self, one: &Declared<'_>, section: Section<'_>) -> Option<Destination> {
        let uploader = section.section("s3uploader");
        let name = self.required(one, uploader, "s3_bucket")?;
        let mut aws = Aws::default();
        if let Some(endpoint) = uploader.text("endpoint") {
            aws = aws.at(endpoint);
        }
        let mut bucket = Bucket::new(aws, name);
        if let Some(region) = uploader.text("region") {
            bucket = bucket.in_region(region);
        }
        if uploader.flag("s3_force_path_style") {
            bucket = bucket.in_path(true);
        }
        let mut prefix = uploader.text("s3_prefix").unwrap_or_default();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        let mut s3 = S3::in_bucket(bucket, prefix);
        s3.compression = compression(uploader);
        if section.text("marshaler").as_deref() == Some("otlp_json") {
            s3.format = Format::Json;
        }
        Some(Destination::s3(s3))
    }
}
