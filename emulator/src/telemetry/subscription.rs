//! A telemetry subscription as an extension asks for it, checked as strictly as AWS's own schema checks it.

use super::Category;
use serde_json::Value;
use std::time::Duration;

/// A valid subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) schema: String,
    pub(crate) categories: Vec<Category>,
    pub(crate) max_items: usize,
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
    /// The port of the destination: the host is this machine whatever its name, since `sandbox.localdomain` resolves
    /// only inside Lambda.
    pub(crate) port: u16,
    /// The path of the destination.
    pub(crate) path: String,
}

impl Subscription {
    /// Reads a request body; the error is what the answer's `errorMessage` says. Managed Instances know only the
    /// newest schema.
    pub(crate) fn parse(body: &[u8], managed: bool) -> Result<Self, String> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| format!("failed to parse JSON: {error}"))?;
        let schema = body.get("schemaVersion").and_then(Value::as_str).ok_or("schemaVersion is required")?;
        let known: &[&str] = if managed { &SCHEMAS[2..] } else { &SCHEMAS };
        if !known.contains(&schema) {
            return Err(format!("schemaVersion must be one of {}", known.join(", ")));
        }
        let (port, path) = destination(body.get("destination").ok_or("destination is required")?)?;
        let buffering = body.get("buffering").unwrap_or(&Value::Null);
        if !buffering.is_null() && !buffering.is_object() {
            return Err("buffering must be an object".to_owned());
        }
        Ok(Self {
            schema: schema.to_owned(),
            categories: categories(body.get("types").ok_or("types is required")?)?,
            max_items: usize::try_from(within(buffering, "maxItems", 1_000, 10_000, 10_000)?)
                .unwrap_or(usize::MAX),
            max_bytes: usize::try_from(within(buffering, "maxBytes", 262_144, 1_048_576, 262_144)?)
                .unwrap_or(usize::MAX),
            timeout: Duration::from_millis(within(buffering, "timeoutMs", 25, 30_000, 1_000)?),
            port,
            path,
        })
    }
}

fn categories(types: &Value) -> Result<Vec<Category>, String> {
    let types =
        types.as_array().filter(|types| !types.is_empty()).ok_or("types must name at least one type")?;
    let category = |name: &Value| match name.as_str() {
        Some("platform") => Ok(Category::Platform),
        Some("function") => Ok(Category::Function),
        Some("extension") => Ok(Category::Extension),
        _ => Err(format!("types: {name} is none of platform, function, extension")),
    };
    types.iter().map(category).collect()
}

fn destination(destination: &Value) -> Result<(u16, String), String> {
    let text = |key: &str| destination.get(key).and_then(Value::as_str);
    match text("protocol") {
        Some("HTTP") => {}
        Some("TCP") => return Err("destination: TCP is not supported by this emulator".to_owned()),
        _ => return Err("destination.protocol must be HTTP or TCP".to_owned()),
    }
    let uri = text("URI").ok_or("destination.URI is required")?;
    let uri: http::Uri = uri.parse().map_err(|error| format!("destination.URI: {error}"))?;
    if uri.scheme_str() != Some("http") {
        return Err("destination.URI must begin with http://".to_owned());
    }
    match uri.host() {
        Some("sandbox.localdomain" | "sandbox") => {}
        _ => return Err("destination.URI host must be sandbox.localdomain".to_owned()),
    }
    let port = uri.port_u16().unwrap_or(80);
    if port == RESERVED {
        return Err(format!("destination.URI: port {RESERVED} is reserved"));
    }
    Ok((port, uri.path().to_owned()))
}

fn within(buffering: &Value, key: &str, least: u64, most: u64, default: u64) -> Result<u64, String> {
    match buffering.get(key) {
        None => Ok(default),
        Some(value) => value
            .as_u64()
            .filter(|value| (least..=most).contains(value))
            .ok_or_else(|| format!("buffering.{key} must be an integer from {least} to {most}")),
    }
}

const SCHEMAS: [&str; 3] = ["2022-07-01", "2022-12-13", "2025-01-29"];

/// Lambda keeps this port for itself.
const RESERVED: u16 = 9001;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(change: impl FnOnce(&mut Value)) -> Result<Subscription, String> {
        let mut body = json!({
            "schemaVersion": "2025-01-29",
            "types": ["platform", "function"],
            "buffering": { "maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 25 },
            "destination": { "protocol": "HTTP", "URI": "http://sandbox.localdomain:4324/in" },
        });
        change(&mut body);
        Subscription::parse(body.to_string().as_bytes(), false)
    }

    #[test]
    fn a_good_subscription_is_read_as_it_stands() {
        let subscription = request(|_| {}).unwrap();
        assert_eq!((subscription.port, subscription.path.as_str()), (4324, "/in"));
        assert_eq!(subscription.timeout, Duration::from_millis(25));
        assert_eq!(subscription.categories, [Category::Platform, Category::Function]);
    }

    #[test]
    fn buffering_has_the_documented_defaults() {
        let subscription = request(|body| body["buffering"] = Value::Null).unwrap();
        assert_eq!((subscription.max_items, subscription.max_bytes), (10_000, 262_144));
        assert_eq!(subscription.timeout, Duration::from_secs(1));
    }

    #[test]
    fn what_lambda_refuses_is_refused() {
        for (key, value) in [
            ("schemaVersion", json!("2021-01-01")),
            ("types", json!([])),
            ("types", json!(["metrics"])),
            ("buffering", json!({ "maxItems": 999 })),
            ("buffering", json!({ "maxBytes": 1 })),
            ("buffering", json!({ "timeoutMs": 24 })),
            ("buffering", json!({ "timeoutMs": "25" })),
            ("destination", json!({ "protocol": "HTTP" })),
            ("destination", json!({ "protocol": "HTTP", "URI": "http://sandbox.localdomain:9001" })),
            ("destination", json!({ "protocol": "HTTP", "URI": "http://localhost:4324" })),
        ] {
            assert!(request(|body| body[key] = value.clone()).is_err(), "{key}: {value}");
        }
    }

    #[test]
    fn managed_instances_know_one_schema() {
        let body = json!({
            "schemaVersion": "2022-12-13", "types": ["platform"],
            "destination": { "protocol": "HTTP", "URI": "http://sandbox:4324" },
        });
        assert!(Subscription::parse(body.to_string().as_bytes(), false).is_ok());
        assert!(Subscription::parse(body.to_string().as_bytes(), true).is_err());
    }
}
