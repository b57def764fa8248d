//! What tests over real sockets share: servers that do as told, and a pipeline before one of them.

#![allow(dead_code, unused_imports, reason = "each test needs a part of it")]

pub(crate) mod grpc;
pub(crate) mod http;
mod listen;
pub(crate) mod scrape;
mod under;

pub(crate) use under::{LEFT, ONCE, QUICK, TAKEN, Under, dropped_in_mid_export, spans, unzipped};
