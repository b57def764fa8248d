//! The variables of the exporters, each declared once: the reader, the README's table and the tests have them from here.

use std::{path::PathBuf, time::Duration};

use reqwest::Url;
use spanlayer_host::vars::{Row, Var, boolean, duration};

use super::{
    Protocol, endpoint,
    headers::{self, Headers},
};
use crate::Compression;

pub(super) const ENDPOINT: Var<Url> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_ENDPOINT",
    default: "",
    parse: endpoint::parse,
    about: "where data goes; `v1/traces`, `v1/metrics`, `v1/logs` are added, but not to a per-signal form nor with `grpc`",
};

pub(super) const PROTOCOL: Var<Protocol> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_PROTOCOL",
    default: "http/protobuf",
    parse: protocol,
    about: "`http/protobuf`, `http/json` or `grpc`",
};

pub(super) const HEADERS: Var<Headers> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_HEADERS",
    default: "",
    parse: headers::parse,
    about: "sent with every request: `name=value,…`, values percent-encoded",
};

pub(super) const COMPRESSION: Var<Compression> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_COMPRESSION",
    default: "gzip",
    parse: str::parse,
    about: "`gzip`, `zstd` or `none`; a level may follow, as in `gzip:9` or `zstd:3`",
};

pub(super) const TIMEOUT: Var<Duration> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_TIMEOUT",
    default: "10000",
    parse: duration,
    about: "limit of each attempt, in milliseconds or with a unit; 0 for none",
};

pub(super) const INSECURE: Var<bool> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_INSECURE",
    default: "false",
    parse: boolean,
    about: "`true`: no TLS, for `grpc` to an endpoint without a scheme",
};

pub(super) const CERTIFICATE: Var<PathBuf> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_CERTIFICATE",
    default: "",
    parse: path,
    about: "PEM file of the certificates to trust, instead of Mozilla's, which are built in",
};

pub(super) const CLIENT_CERTIFICATE: Var<PathBuf> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    default: "",
    parse: path,
    about: "PEM file of our own certificate chain (mTLS)",
};

pub(super) const CLIENT_KEY: Var<PathBuf> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_CLIENT_KEY",
    default: "",
    parse: path,
    about: "PEM file of our own key (mTLS)",
};

/// The variables, for documentation. Each also has the forms `…_OTLP_TRACES_…`, `…_OTLP_METRICS_…`, `…_OTLP_LOGS_…`, and
/// all of them the same with `OTEL_` in the place of `SPANLAYER_`.
pub const TABLE: [Row; 9] = [
    ENDPOINT.row(),
    PROTOCOL.row(),
    HEADERS.row(),
    COMPRESSION.row(),
    TIMEOUT.row(),
    INSECURE.row(),
    CERTIFICATE.row(),
    CLIENT_CERTIFICATE.row(),
    CLIENT_KEY.row(),
];

fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        "grpc" => Ok(Protocol::Grpc),
        _ => Err("expected http/protobuf, http/json or grpc".to_owned()),
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    Ok(text.into())
}
