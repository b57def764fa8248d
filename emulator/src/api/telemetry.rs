//! The Telemetry API, `2022-07-01`: the subscribing end of it.

use super::{Reply, extensions::identify, reply};
use crate::{
    environment::Environment,
    settings::TelemetryApi,
    state::Refusal,
    telemetry::{Category, Subscription, events},
};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::sleep;

pub(super) async fn subscribe(environment: &Environment, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return reply::broken() };
    match environment.settings.telemetry {
        TelemetryApi::NotSupported => {
            let error = reply::error("Telemetry.NotSupported", "Telemetry API is not supported");
            return reply::json(StatusCode::ACCEPTED, &error);
        }
        TelemetryApi::Refused(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
            return reply::json(status, &reply::error("Telemetry.Refused", "refused on request"));
        }
        TelemetryApi::Available(latency) if latency.is_zero() => {}
        TelemetryApi::Available(latency) => sleep(latency).await,
    }
    let subscribed = identify(&parts.headers).and_then(|id| try_subscribe(environment, id, &body.to_bytes()));
    subscribed.map_or_else(|refusal| reply::refused(&refusal), |()| reply::json(StatusCode::OK, &"OK".into()))
}

fn try_subscribe(environment: &Environment, id: &str, body: &[u8]) -> Result<(), Refusal> {
    let mut state = environment.lock();
    let open = state.subscriptions_open;
    let extension = state.extension(id)?;
    let subscription = Subscription::parse(body, environment.settings.managed())
        .map_err(|message| Refusal { status: 400, error_type: "ValidationError", message })?;
    if !open {
        let message = "Telemetry API subscription is closed";
        return Err(Refusal::forbidden("Telemetry.SubscriptionClosed", message));
    }
    extension.subscription = serde_json::from_slice(body).ok();
    let record = events::subscription(&extension.name, &subscription.categories);
    environment.hub.subscribe(&extension.name, subscription);
    environment.hub.emit(Category::Platform, "platform.telemetrySubscription", record);
    Ok(())
}
