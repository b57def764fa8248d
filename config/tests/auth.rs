//! Who requests say they are, as files say it. Whatever lies elsewhere is left there until a request needs it: files are
//! read without a runtime here, so that nothing could be asked for.

use std::collections::HashMap;

use spanlayer_config::{Problem, Surroundings, load};
use spanlayer_pipeline::Destination;

fn loaded(extensions: &str, exporters: &str) -> (Vec<Destination>, Vec<Problem>) {
    let names: Vec<&str> = exporters
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.trim().trim_end_matches(':'))
        .collect();
    let text = format!(
        "receivers: {{otlp: {{protocols: {{http: }}}}}}\nextensions:\n{extensions}exporters:\n{exporters}\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], exporters: [{names}]}}\n    \
         logs: {{receivers: [otlp], exporters: [{names}]}}\n",
        names = names.join(", ")
    );
    let vars = HashMap::from([
        ("TENANT", "a$b"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/shop"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/31/[$LATEST]abc"),
    ]);
    let loaded = load(&text, Surroundings::here(&vars));
    (loaded.plan.map(|plan| plan.destinations).unwrap_or_default(), loaded.problems)
}

fn shown(extensions: &str, exporters: &str) -> String {
    let (destinations, problems) = loaded(extensions, exporters);
    assert_eq!(problems, []);
    format!("{destinations:?}")
}

const PLAIN: &str = "  otlphttp:\n    endpoint: https://otlp.example.com\n";

#[test]
fn headers_and_tokens_may_lie_elsewhere() {
    let exporter = format!(
        "{PLAIN}    headers: {{api-key: \"${{env:TENANT}}-${{secretsmanager:vendor/key#k}}\"}}\n    \
         auth: {{authenticator: bearertokenauth}}\n"
    );
    let shown = shown("  bearertokenauth: {token: \"${ssm:/prod/token}\"}\n", &exporter);
    assert!(shown.contains(r#"("api-key", ***${secretsmanager:vendor/key#k})"#), "{shown}");
    assert!(shown.contains(r#"("authorization", ***${ssm:/prod/token})"#), "{shown}");
    assert!(!shown.contains("a$b"), "{shown}");
}

#[test]
fn an_oauth2_client_is_made_of_its_options() {
    let extension = "  oauth2client:\n    client_id: telemetry\n    client_secret: ${ssm:/s}\n    \
                     token_url: https://login.example.com/token\n    scopes: [a, b]\n    \
                     endpoint_params: {audience: x}\n    tls: {ca_file: /opt/ca.pem}\n";
    let shown = shown(extension, &format!("{PLAIN}    auth: {{authenticator: oauth2client}}\n"));
    for part in ["client_secret: ${ssm:/s}", r#"scopes: ["a", "b"]"#, r#"("audience", ***)"#, "/opt/ca.pem"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn awss_own_endpoints_are_signed_for_within_their_limits_and_told_the_functions_log() {
    let exporters = "  otlphttp:\n    logs_endpoint: https://logs.eu-west-1.amazonaws.com/v1/logs\n    \
                     auth: {authenticator: sigv4auth}\n";
    let (destinations, problems) = loaded("  sigv4auth:\n", exporters);
    // The pipeline for traces leads there as well.
    assert!(problems.iter().all(|problem| problem.path != "exporters::otlphttp::auth"), "{problems:?}");
    let shown = format!("{destinations:?}");
    assert!(shown.contains(r#"SigV4 { service: "logs", region: Some("eu-west-1") }"#), "{shown}");
    assert!(shown.contains("x-aws-log-group") && shown.contains("x-aws-log-stream"), "{shown}");
    assert!(destinations[0].batch.bytes < 1_048_576);
}

#[test]
fn any_other_address_is_signed_for_if_the_service_is_said() {
    let exporters = format!("{PLAIN}    auth: {{authenticator: sigv4auth}}\n");
    let shown = shown("  sigv4auth: {service: aps, region: eu-west-2}\n", &exporters);
    assert!(shown.contains(r#"SigV4 { service: "aps", region: Some("eu-west-2") }"#), "{shown}");
    let (destinations, problems) = loaded("  sigv4auth:\n", &exporters);
    assert!(destinations.is_empty() && problems[0].what.contains("service"), "{problems:?}");
}

#[test]
fn what_aws_does_not_take_is_told_and_not_sent() {
    let address = "  otlphttp:\n    traces_endpoint: https://xray.eu-west-1.amazonaws.com/v1/traces\n";
    let (destinations, problems) = loaded(
        "  sigv4auth:\n",
        &format!("{address}    compression: zstd\n    auth: {{authenticator: sigv4auth}}\n"),
    );
    assert!(problems.iter().any(|problem| problem.what.contains("take no zstd")), "{problems:?}");
    assert!(format!("{destinations:?}").contains("compression: Gzip"), "{destinations:?}");
    let (_, problems) = loaded("  sigv4auth:\n", address);
    assert!(problems.iter().any(|problem| problem.what.contains("signed requests only")), "{problems:?}");
}

#[test]
fn a_bucket_is_an_exporter() {
    let exporters =
        "  awss3:\n    s3uploader: {s3_bucket: archive, s3_prefix: prod, endpoint: \"http://127.0.0.1:1\"}\n";
    let (destinations, problems) = loaded("", exporters);
    assert_eq!(problems, []);
    assert_eq!(&*destinations[0].name, "awss3 (s3://archive/prod/)");
    assert_eq!(destinations[0].signals.len(), 2);
}
