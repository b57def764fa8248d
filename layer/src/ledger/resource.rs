//! The resource of a function that does not tell its own, as Lambda's variables describe it.

use spanlayer_host::vars::Vars;
use spanlayer_pipeline::message::{Value, attribute};

/// The function as the semantic conventions for FaaS and cloud resources name it, as an encoded `Resource` message.
/// `instance` tells this environment from all others (`service.instance.id`). What the user sets in
/// `OTEL_RESOURCE_ATTRIBUTES` wins, and `OTEL_SERVICE_NAME` over a service name in there; attributes that cannot be
/// decoded are left out altogether, as the specification has it.
pub fn resource(vars: &dyn Vars, instance: &str) -> Vec<u8> {
    let chosen = vars.get("OTEL_RESOURCE_ATTRIBUTES").and_then(|text| attributes(&text)).unwrap_or_default();
    let name = vars.get("AWS_LAMBDA_FUNCTION_NAME");
    let service = vars.get("OTEL_SERVICE_NAME");
    let memory =
        vars.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|megabytes| megabytes.parse::<u64>().ok());
    let mut out = Vec::with_capacity(512);
    let mut text = |key: &str, value: Option<&str>| {
        let theirs = key != "service.name" || service.is_none();
        if let Some(value) = value
            && !(theirs && chosen.iter().any(|(name, _)| name == key))
        {
            attribute(&mut out, ATTRIBUTES, key, Value::Text(value));
        }
    };
    text("cloud.provider", Some("aws"));
    text("cloud.platform", Some("aws_lambda"));
    text("cloud.region", vars.get("AWS_REGION").or_else(|| vars.get("AWS_DEFAULT_REGION")).as_deref());
    text("faas.name", name.as_deref());
    text("faas.version", vars.get("AWS_LAMBDA_FUNCTION_VERSION").as_deref());
    text("service.name", service.as_deref().or(name.as_deref()).or(Some("function")));
    text("service.instance.id", Some(instance));
    let memory = memory.filter(|_| chosen.iter().all(|(key, _)| key != "faas.max_memory"));
    if let Some(bytes) = memory.and_then(|megabytes| megabytes.checked_mul(1 << 20)) {
        attribute(&mut out, ATTRIBUTES, "faas.max_memory", Value::Integer(bytes));
    }
    for (key, value) in chosen.iter().filter(|(key, _)| key != "service.name" || service.is_none()) {
        attribute(&mut out, ATTRIBUTES, key, Value::Text(value));
    }
    out
}

/// The `service.name` in there.
pub fn service(vars: &dyn Vars) -> String {
    let chosen = || {
        let all = attributes(&vars.get("OTEL_RESOURCE_ATTRIBUTES")?)?;
        all.into_iter().find(|(key, _)| key == "service.name").map(|(_, value)| value)
    };
    let name = vars.get("OTEL_SERVICE_NAME").or_else(chosen);
    name.or_else(|| vars.get("AWS_LAMBDA_FUNCTION_NAME")).unwrap_or_else(|| "function".to_owned())
}

/// Reads `key=value,key=value`, values percent-encoded. Of a key that is there twice the last counts.
fn attributes(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (key.trim().to_owned(), decode(value.trim())?);
        if key.is_empty() {
            return None;
        }
        pairs.retain(|(known, _)| *known != key);
        pairs.push((key, value));
    }
    Some(pairs)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(bytes.next()?)? * 16 + digit(bytes.next()?)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

/// The field number of `Resource.attributes`.
const ATTRIBUTES: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use prost::Message;
    use std::collections::HashMap;

    fn read(vars: &[(&str, &str)]) -> Vec<(String, String)> {
        let vars: HashMap<_, _> = vars.iter().copied().collect();
        let resource = Resource::decode(&resource(&vars, "here")[..]).unwrap();
        let text = |value| crate::ledger::tests::attribute(&resource.attributes, value).unwrap();
        resource.attributes.iter().map(|pair| (pair.key.clone(), text(&pair.key))).collect()
    }

    #[test]
    fn the_function_is_described_by_lambdas_variables() {
        let vars = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "orders"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "7"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ];
        let expected = [
            ("cloud.provider", "aws"),
            ("cloud.platform", "aws_lambda"),
            ("cloud.region", "eu-west-1"),
            ("faas.name", "orders"),
            ("faas.version", "7"),
            ("service.name", "orders"),
            ("service.instance.id", "here"),
            ("faas.max_memory", "134217728"),
        ];
        assert_eq!(read(&vars), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_the_user_says_wins() {
        for (attributes, name, expected) in [
            ("service.name=shop,cloud.region=moon,team=a%2Cb", None, ["shop", "moon", "a,b"]),
            ("service.name=shop,team=a, team=b ", Some("till"), ["till", "-", "b"]),
            ("service.name=shop,broken", None, ["function", "-", "-"]),
            ("service.name=%zz", None, ["function", "-", "-"]),
        ] {
            let mut vars = vec![("OTEL_RESOURCE_ATTRIBUTES", attributes)];
            vars.extend(name.map(|name| ("OTEL_SERVICE_NAME", name)));
            let read = read(&vars);
            let value = |key: &str| {
                read.iter().find(|(name, _)| name == key).map_or("-", |(_, value)| value.as_str())
            };
            assert_eq!(["service.name", "cloud.region", "team"].map(value), expected, "{attributes}");
            assert_eq!(service(&vars.into_iter().collect::<HashMap<_, _>>()), expected[0], "{attributes}");
        }
    }
}
