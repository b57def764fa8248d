//! What comes in and goes out: the parts of API Gateway's payload, version 2.0, that matter here.

use serde::{Deserialize, Serialize};

/// A request to an HTTP API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) request_context: RequestContext,
    pub(crate) body: Option<String>,
}

/// Who asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext {
    pub(crate) request_id: String,
}

/// The answer to a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    status_code: u16,
    body: String,
}

impl Response {
    pub(crate) fn created(confirmation: &Confirmation) -> Self {
        Self { status_code: 201, body: serde_json::json!(confirmation).to_string() }
    }

    pub(crate) fn bad_request(why: &serde_json::Error) -> Self {
        Self { status_code: 400, body: serde_json::json!({ "message": why.to_string() }).to_string() }
    }
}

/// What a customer wants.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Order {
    pub(crate) customer: String,
    pub(crate) items: Vec<Item>,
}

/// So many of a thing.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
}

/// What a customer gets, in cents.
#[derive(Debug, Serialize)]
pub(crate) struct Confirmation {
    pub(crate) id: String,
    pub(crate) total: u32,
}
