//! The variables of the exporters, each declared once: the reader, the README's table and the tests have them from here.

use std::{path::PathBuf, time::Duration};

use reqwest::Url;
use spanlayer_host::vars::{Row, Var, boolean, duration, text};

use super::{
    Protocol,
    auth::{self, Scheme},
    endpoint,
    headers::{self, Headers},
};
use crate::{Compression, auth::Value};

pub(super) const ENDPOINT: Var<Url> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_ENDPOINT",
    default: "",
    parse: endpoint::parse_or_bucket,
    about: "where data goes; `v1/traces`, `v1/metrics`, `v1/logs` are added, but not to a per-signal form nor with `grpc`; `s3://<bucket>/<prefix>` makes each batch an object",
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
    about: "sent with every request: `name=value,…`, values percent-encoded; `${env:…}`, `${file:…}`, `${secretsmanager:…}` and `${ssm:…}` stand for what lies there",
};

pub(super) const AUTH: Var<Scheme> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_AUTH",
    default: "auto",
    parse: auth::scheme,
    about: "who we say we are: `bearer`, `basic`, `oauth2`, `sigv4` (for another service or region `sigv4:<service>:<region>`) or `none`; `auto` is `sigv4` for AWS's own OTLP endpoints and `none` for others",
};

pub(super) const AUTH_USER: Var<Value> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_AUTH_USER",
    default: "",
    parse: Value::parse,
    about: "the user (`basic`) or the client's id (`oauth2`)",
};

pub(super) const AUTH_SECRET: Var<Value> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_AUTH_SECRET",
    default: "",
    parse: Value::parse,
    about: "the token (`bearer`), the password (`basic`) or the client's secret (`oauth2`)",
};

pub(super) const AUTH_TOKEN_URL: Var<Url> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_AUTH_TOKEN_URL",
    default: "",
    parse: endpoint::parse,
    about: "where `oauth2` gets its tokens",
};

pub(super) const AUTH_SCOPES: Var<String> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_AUTH_SCOPES",
    default: "",
    parse: text,
    about: "what the tokens of `oauth2` should be good for, separated by spaces",
};

pub(super) const AUTH_PARAMS: Var<Vec<(String, Value)>> = Var {
    name: "SPANLAYER_EXPORTER_OTLP_AUTH_PARAMS",
    default: "",
    parse: auth::params,
    about: "what else the server of `oauth2` wants to be told, such as `audience=…`: `name=value,…`, values percent-encoded",
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
pub const TABLE: [Row; 15] = [
    ENDPOINT.row(),
    PROTOCOL.row(),
    HEADERS.row(),
    AUTH.row(),
    AUTH_USER.row(),
    AUTH_SECRET.row(),
    AUTH_TOKEN_URL.row(),
    AUTH_SCOPES.row(),
    AUTH_PARAMS.row(),
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
        "grpc" if cfg!(feature = "grpc") => Ok(Protocol::Grpc),
        "grpc" => Err("grpc is not in this build: it needs the cargo feature `grpc`".to_owned()),
        _ => Err("expected http/protobuf, http/json or grpc".to_owned()),
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    Ok(text.into())
}
