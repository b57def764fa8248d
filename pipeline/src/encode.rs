//! What a request is turned into before it is sent: a format, and compression.

mod compress;

use std::str::FromStr;

pub(crate) use compress::{encode, encode_pieces};
pub use spanlayer_otlp::status::Encoding as Format;

/// What a destination wants its requests to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Encoding {
    /// How messages are written: binary protobuf is what is queued, so that it costs nothing to make; JSON is some
    /// three times as large before compression.
    pub format: Format,
    /// How the result is made smaller.
    pub compression: Compression,
}

impl Encoding {
    /// A format, compressed.
    pub const fn new(format: Format, compression: Compression) -> Self {
        Self { format, compression }
    }
}

impl From<Compression> for Encoding {
    /// Protobuf, compressed.
    fn from(compression: Compression) -> Self {
        Self { format: Format::Protobuf, compression }
    }
}

/// How a request's body is compressed. As text: `gzip`, `zstd` or `none`; `gzip:9` and `zstd:6` name a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip at a level from 1 (fast) to 9 (small); 0 stores.
    Gzip(u8),
    /// zstd at a level from 1 (fast) to 19 (small). Not in the OTLP specification, but understood by the OpenTelemetry
    /// Collector and by most vendors.
    Zstd(u8),
}

impl Compression {
    /// gzip at the level that fits the throughput budget.
    pub const GZIP: Self = Self::Gzip(compress::GZIP_LEVEL);

    /// zstd at the level that fits the throughput budget.
    pub const ZSTD: Self = Self::Zstd(compress::ZSTD_LEVEL);

    /// The value of the `Content-Encoding` header (in gRPC: `grpc-encoding`), if there is to be one.
    pub const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip(_) => Some("gzip"),
            Self::Zstd(_) => Some("zstd"),
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::GZIP
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let (name, level) = match lower.split_once(':') {
            Some((name, level)) => (name, Some(level.parse::<u8>().ok())),
            None => (lower.as_str(), None),
        };
        match (name, level) {
            ("none", None) => Ok(Self::None),
            ("gzip", None) => Ok(Self::GZIP),
            ("zstd", None) => Ok(Self::ZSTD),
            ("gzip", Some(Some(level @ 1..=9))) => Ok(Self::Gzip(level)),
            ("zstd", Some(Some(level @ 1..=19))) => Ok(Self::Zstd(level)),
            ("gzip", Some(_)) => Err("expected gzip:1 to gzip:9".to_owned()),
            ("zstd", Some(_)) => Err("expected zstd:1 to zstd:19".to_owned()),
            _ => Err("expected gzip, zstd or none, with a level if need be, such as gzip:6".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_may_follow_the_name() {
        for (text, expected) in [
            ("none", Compression::None),
            ("gzip", Compression::GZIP),
            ("GZip:9", Compression::Gzip(9)),
            ("zstd", Compression::ZSTD),
            ("zstd:19", Compression::Zstd(19)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for (wrong, says) in [
            ("gzip:0", "gzip:1 to gzip:9"),
            ("gzip:", "gzip:1 to gzip:9"),
            ("zstd:20", "zstd:1 to zstd:19"),
            ("zstd:-1", "zstd:1 to zstd:19"),
            ("zstd:fast", "zstd:1 to zstd:19"),
            ("none:1", "expected gzip, zstd or none"),
            ("snappy", "expected gzip, zstd or none"),
            ("", "expected gzip, zstd or none"),
        ] {
            let told = wrong.parse::<Compression>().unwrap_err();
            assert!(told.contains(says), "{wrong}: {told}");
        }
    }
}
