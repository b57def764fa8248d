//! An `axum` router as a function behind API Gateway. The gateway sends everything here (`ANY /{proxy+}`), so only the
//! router knows which route a request takes: one middleware says so.

use axum::{
    Json, Router,
    extract::{MatchedPath, Path, Request},
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use spanlayer::Error;
use tracing::{info, instrument};

#[tokio::main]
async fn main() -> Result<(), Error> {
    spanlayer::run_service(lambda_http::Adapter::from(router())).await
}

fn router() -> Router {
    Router::new()
        .route("/shops/{shop}/orders/{id}", get(order))
        .route("/health", get(async || "well"))
        // On routes: what matches none has no route to be named after.
        .route_layer(middleware::from_fn(named_after_its_route))
}

/// Names the invocation's span `GET /shops/{shop}/orders/{id}`, and sets `http.route`.
async fn named_after_its_route(route: MatchedPath, request: Request, next: Next) -> Response {
    spanlayer::invocation().route(route.as_str());
    next.run(request).await
}

async fn order(Path((shop, id)): Path<(String, u32)>) -> Result<Json<Value>, StatusCode> {
    spanlayer::invocation().attribute("shop", shop.clone());
    let total = total(id).ok_or(StatusCode::NOT_FOUND)?;
    info!(shop, id, "order looked up");
    Ok(Json(json!({ "id": id, "total": total })))
}

#[instrument]
fn total(id: u32) -> Option<u32> {
    (id < 100).then_some(id * 450)
}

#[cfg(test)]
mod tests;
