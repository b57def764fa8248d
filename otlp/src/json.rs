//! OTLP/JSON to protobuf and back, driven by the schema: no tree of values in between.
//!
//! OTLP/JSON is protobuf's JSON with exceptions: ids are hexadecimal, enumerations are numbers (OTLP specification,
//! *JSON Protobuf Encoding*).

mod read;
mod scalar;
pub mod text;
mod write;

use crate::{Malformed, Signal, scan::scan, schema::request, wire::Tree};
use serde::de::DeserializeSeed;
use std::fmt;

/// Reads an `Export…ServiceRequest` in JSON.
///
/// Read strictly: types, ids' lengths, ranges, and that no member of an object (or of a oneof) is there twice. Read
/// leniently: 64-bit integers as strings or numbers, enumerations as numbers or names, ids in any case, names of
/// members in camel or snake case, base64 in either alphabet, `null` as absent. Unknown members are passed over.
///
/// Whether required fields are there is for [`scan`] to say.
///
/// # Errors
///
/// What is wrong, and in which line and column.
pub fn to_protobuf(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut tree = Tree::new();
    let mut json = serde_json::Deserializer::from_slice(json);
    read::Body { message: request(signal), tree: &mut tree }.deserialize(&mut json)?;
    json.end()?;
    Ok(tree.finish())
}

/// Writes an `Export…ServiceRequest` as OTLP/JSON: 64-bit integers as strings, no defaults, no unknown fields.
///
/// # Errors
///
/// The request is malformed, as [`scan`] sees it.
pub fn from_protobuf(signal: Signal, request: &[u8]) -> Result<String, Malformed> {
    scan(signal, request)?;
    // JSON's names and quotes about double the size.
    let mut out = String::with_capacity(request.len() * 2);
    write::message(&mut out, crate::schema::request(signal), request);
    Ok(out)
}

/// Why JSON is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1; where the faulty value ends, in bytes.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for JsonError {}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        let what = said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said);
        Self { line, column, what: what.to_owned() }
    }
}
