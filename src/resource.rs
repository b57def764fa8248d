//! What all spans have in common: the function, as the semantic conventions for FaaS and cloud resources name it.

use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::{Resource, resource::TelemetryResourceDetector};
use spanlayer_host::vars::Reading;

use crate::{
    function::Function,
    settings::{RESOURCE_ATTRIBUTES, SERVICE_NAME},
};

/// The resource of the function; what the user's variables say wins.
pub(crate) fn read(function: &Function, reading: &mut Reading<'_>) -> Resource {
    let mut attributes = facts(function);
    attributes.push(KeyValue::new(SERVICE, function.name().to_owned()));
    let chosen = reading.find(&RESOURCE_ATTRIBUTES).unwrap_or_default();
    attributes.extend(chosen.into_iter().map(|(key, value)| KeyValue::new(key, value)));
    // After the others, so that it wins over a `service.name` among them.
    attributes.extend(reading.find(&SERVICE_NAME).map(|name| KeyValue::new(SERVICE, name)));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(attributes)
        .build()
}

/// Completes the resource of a tracer provider that the user made: what it says wins, what it leaves out is ours.
pub(crate) fn complete(theirs: &Resource, ours: &Resource) -> Resource {
    let unnamed = theirs
        .get(&Key::from_static_str(SERVICE))
        .is_none_or(|name| name.as_str().starts_with("unknown_service"));
    let theirs = pairs(theirs).filter(|pair| !(unnamed && pair.key.as_str() == SERVICE));
    Resource::builder_empty().with_attributes(pairs(ours)).with_attributes(theirs).build()
}

/// The same with an id of this environment, made when it is first needed: not at the start, since a snapshot of a
/// started process may be restored many times.
pub(crate) fn with_instance(resource: &Resource) -> Resource {
    let key = Key::from_static_str("service.instance.id");
    if resource.get(&key).is_some() {
        return resource.clone();
    }
    let id = KeyValue::new(key, uuid(spanlayer_host::random::bytes()));
    Resource::builder_empty().with_attributes(pairs(resource)).with_attribute(id).build()
}

/// Parses `key=value,key=value`, values percent-encoded; one that cannot be decoded discards them all (specification,
/// *Resource SDK*).
pub(crate) fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    text.split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            Some((key.trim().to_owned(), decode(value.trim())?)).filter(|(key, _)| !key.is_empty())
        })
        .collect::<Option<_>>()
        .ok_or_else(|| "expected key=value,key=value with percent-encoded values".to_owned())
}

fn pairs(resource: &Resource) -> impl Iterator<Item = KeyValue> {
    resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
}

fn facts(function: &Function) -> Vec<KeyValue> {
    let text =
        |key: &'static str, value: &Option<String>| value.clone().map(|value| KeyValue::new(key, value));
    let log_groups = function.log_group.clone().map(|group| {
        KeyValue::new("aws.log.group.names", Value::Array(Array::String(vec![StringValue::from(group)])))
    });
    [
        Some(KeyValue::new("cloud.provider", "aws")),
        Some(KeyValue::new("cloud.platform", "aws_lambda")),
        text("cloud.region", &function.region),
        text("faas.name", &function.name),
        text("faas.version", &function.version),
        text("faas.instance", &function.log_stream),
        function.memory.map(|megabytes| KeyValue::new("faas.max_memory", megabytes.saturating_mul(1 << 20))),
        log_groups,
    ]
    .into_iter()
    .flatten()
    .collect()
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

/// A random UUID (RFC 9562, version 4).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut out = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    out
}

const SERVICE: &str = "service.name";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn resource(vars: &HashMap<&str, &str>) -> Resource {
        read(&Function::read(vars), &mut Reading::new(vars))
    }

    fn value(resource: &Resource, key: &'static str) -> Option<Value> {
        resource.get(&Key::from_static_str(key))
    }

    #[test]
    fn the_service_is_named_after_the_function_unless_told_otherwise() {
        let mut vars = HashMap::from([("AWS_LAMBDA_FUNCTION_NAME", "orders")]);
        assert_eq!(value(&resource(&vars), SERVICE), Some("orders".into()));
        vars.insert("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,team=a%2Cb");
        assert_eq!(value(&resource(&vars), SERVICE), Some("shop".into()));
        assert_eq!(value(&resource(&vars), "team"), Some("a,b".into()));
        vars.insert("OTEL_SERVICE_NAME", "checkout");
        assert_eq!(value(&resource(&vars), SERVICE), Some("checkout".into()));
    }

    #[test]
    fn facts_of_the_function_have_their_types() {
        let resource = resource(&HashMap::from([
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/orders"),
        ]));
        assert_eq!(value(&resource, "faas.max_memory"), Some(Value::I64(134_217_728)));
        assert!(matches!(value(&resource, "aws.log.group.names"), Some(Value::Array(_))));
        assert_eq!(value(&resource, "telemetry.sdk.language"), Some("rust".into()));
        assert_eq!(value(&resource, "faas.instance"), None);
    }

    #[test]
    fn one_attribute_that_cannot_be_decoded_discards_them_all() {
        for wrong in ["a=1,b", "a=%4", "a=%zz", "=1"] {
            assert!(attributes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(attributes(" a = 1 ,").as_deref(), Ok(&[("a".to_owned(), "1".to_owned())][..]));
    }

    #[test]
    fn a_users_own_resource_keeps_what_it_says_and_gets_what_it_leaves_out() {
        let ours = resource(&HashMap::from([("AWS_LAMBDA_FUNCTION_NAME", "orders")]));
        let theirs = Resource::builder_empty()
            .with_attributes([
                KeyValue::new(SERVICE, "unknown_service:bootstrap"),
                KeyValue::new("faas.name", "mine"),
            ])
            .build();
        let both = complete(&theirs, &ours);
        assert_eq!(value(&both, SERVICE), Some("orders".into()));
        assert_eq!(value(&both, "faas.name"), Some("mine".into()));
        assert_eq!(value(&both, "cloud.provider"), Some("aws".into()));
    }

    #[test]
    fn an_instance_has_an_id_of_the_right_shape_and_its_own() {
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let resource = Resource::builder_empty().build();
        let id = |resource: &Resource| value(&with_instance(resource), "service.instance.id");
        assert_ne!(id(&resource), id(&resource));
    }
}
