//! What AWS's own OTLP endpoints want otherwise than others (*CloudWatch User Guide*, "OTLP Endpoints").

use reqwest::Url;

use super::{
    Address, Otlp,
    reader::{Names, Reader},
    vars::COMPRESSION,
};
use crate::Compression;

impl Reader<'_> {
    /// What AWS's own endpoints have to be told unless it is set, and what they do not take.
    pub(super) fn as_aws_wants_it(&mut self, names: &Names, url: &Url, otlp: &mut Otlp) {
        let address = Address::new(url.clone());
        for (name, value) in address.log_headers(self.vars) {
            let known = otlp.headers.iter().map(|(name, _)| name);
            if !known.chain(otlp.secret_headers.iter().map(|(name, _)| name)).any(|other| *other == name) {
                otlp.headers.push((name, value));
            }
        }
        if matches!(otlp.compression, Compression::Zstd(_)) && !address.takes_zstd() {
            let set = names.iter().find(|name| self.vars.get(name).is_some());
            let name = set.map_or(COMPRESSION.name, String::as_str);
            self.reading.note(name, "AWS's own endpoints take gzip or none, and no zstd; gzip is sent there");
            otlp.compression = Compression::GZIP;
        }
    }
}
