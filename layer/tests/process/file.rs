//! A pipeline file instead of variables.

use crate::world::{PROTOBUF, SOON, World, nothing_of_its_own, post, spans};
use bytes::Bytes;
use spanlayer_emulator::{Destination, Mode, Reason};
use std::time::Duration;

fn pipelines(exporters: &str, rest: &str) -> String {
    format!(
        "yaml:receivers: {{otlp: {{protocols: {{http: , grpc: }}}}, telemetryapi: }}\nexporters:\n{exporters}{rest}"
    )
}

#[tokio::test]
async fn a_files_destinations_replace_the_variables_and_each_gets_what_its_pipelines_lead_to() {
    let (one, two) =
        (Destination::start(Mode::Healthy).await.unwrap(), Destination::start(Mode::Healthy).await.unwrap());
    let exporters = format!(
        "  otlphttp/one: {{endpoint: \"{}\", headers: {{x-key: \"${{env:ONE_KEY}}\"}}}}\n  otlphttp/two: {{endpoint: \"{}\", \
         compression: zstd}}\n",
        one.url(),
        two.url()
    );
    let rest = "service:\n  pipelines:\n    traces/functions: {receivers: [otlp], exporters: [otlphttp/one, otlphttp/two]}\n    \
                traces/lambda: {receivers: [telemetryapi], exporters: [otlphttp/two]}\n";
    let world = World::idle(|builder| {
        builder.env("SPANLAYER_CONFIG", pipelines(&exporters, rest)).env("ONE_KEY", "k-1")
    })
    .await;
    assert!(world.says("with the hash").await.contains("SPANLAYER_CONFIG"));
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(5, false)).await.status, 200);
    world.invoke().await.payload();
    world.lambda.shutdown(Reason::Spindown).await;
    assert_eq!(world.destination.spans().len(), 0, "the variable's destination");
    let platform = |one: &Destination| one.spans().iter().filter(|span| span.span.name == "init").count();
    assert_eq!((one.spans().len(), platform(&one)), (5, 0));
    assert_eq!((two.spans().len() > 5, platform(&two)), (true, 1));
    let hash = two.spans().iter().find(|span| span.span.name == "init").and_then(|init| {
        let found = init.span.attributes.iter().find(|one| one.key == "spanlayer.config.hash");
        found.map(|one| format!("{:?}", one.value))
    });
    let told = world.says("with the hash ").await;
    assert!(hash.unwrap().contains(&told.split("with the hash ").nth(1).unwrap()[..16]));
    let (request, zstd) = (&one.requests()[0], &two.requests()[0]);
    assert_eq!((request.header("x-key"), request.header("content-encoding")), (Some("k-1"), Some("gzip")));
    assert_eq!((zstd.header("x-key"), zstd.header("content-encoding")), (None, Some("zstd")));
}

#[tokio::test]
async fn a_file_of_which_nothing_can_be_run_is_told_of_and_the_variables_count() {
    let world = World::idle(|builder| {
        builder.env(
            "SPANLAYER_CONFIG",
            "yaml:receivers: {otlp: }\nexporters: {otlphttp: {endpoint: [x]}}\nservice: {pipelines: 1}",
        )
    })
    .await;
    assert!(world.says("line 2, column 34").await.contains("exporters::otlphttp::endpoint"));
    world.says("the variables' destinations count instead").await;
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(3, false)).await.status, 200);
    world.invoke().await.payload();
    world.destination.wait_for_spans(3, SOON).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_wrong_everywhere_or_names_what_has_no_end_holds_up_no_start_and_fills_no_log() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let key = "x".repeat(100_000);
    let exporters =
        format!("  otlphttp: {{endpoint: \"{}\", headers: {{x-key: \"${{file:/dev/zero}}\"}}}}\n", to.url());
    let unknown: String = (0..200).map(|n| format!("  unknown/{n}: {{}}\n")).collect();
    let rest = format!(
        "  {key}: {{}}\nservice: {{pipelines: {{traces: {{receivers: [otlp], exporters: [otlphttp]}}}}}}\n"
    );
    let config = pipelines(&(exporters + &unknown), &rest);
    let world = World::idle(|builder| builder.env("SPANLAYER_CONFIG", config)).await;
    assert!(world.says("/dev/zero").await.contains("is a device or a pipe, and no file"));
    world.says("more settings are ignored").await;
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(3, false)).await.status, 200);
    world.invoke().await.payload();
    world.lambda.shutdown(Reason::Spindown).await;
    assert!(world.destination.spans().len() + to.spans().len() >= 3);
    let told: Vec<usize> = world.lambda.output().iter().map(|line| line.text.len()).collect();
    assert!(told.len() < 100 && told.iter().all(|length| *length < 5000), "{told:?}");
}

#[tokio::test]
async fn what_the_first_destination_does_not_take_goes_to_the_second_from_then_on() {
    let (down, up) =
        (Destination::start(Mode::Refusing).await.unwrap(), Destination::start(Mode::Healthy).await.unwrap());
    let exporters = format!(
        "  otlphttp/down: {{endpoint: \"{}\"}}\n  otlphttp/up: {{endpoint: \"{}\"}}\n",
        down.url(),
        up.url()
    );
    let rest = "connectors: {failover: {priority_levels: [[traces/first], [traces/second]]}}\nservice:\n  pipelines:\n    traces/in: \
                {receivers: [otlp], exporters: [failover]}\n    traces/first: {receivers: [failover], exporters: \
                [otlphttp/down]}\n    traces/second: {receivers: [failover], exporters: [otlphttp/up]}\n";
    let world = World::wrapped(Mode::Healthy, Duration::from_millis(5), |builder| {
        builder.env("SPANLAYER_CONFIG", pipelines(&exporters, rest)).env("SPANLAYER_FLUSH", "end")
    })
    .await;
    for _ in 0..4 {
        world.invoke().await.payload();
    }
    up.wait_for_spans(2, SOON).await.unwrap();
    world.lambda.shutdown(Reason::Spindown).await;
    assert!(up.spans().len() >= 2, "{} spans", up.spans().len());
}

/// One span of a tenant.
fn of_tenant(tenant: &str) -> Vec<u8> {
    let json = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"tenant","value":{{"stringValue":"{tenant}"}}}}]}},"scopeSpans":[{{"spans":[
        {{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"of {tenant}"}}]}}]}}]}}"#
    );
    spanlayer_otlp::json::to_protobuf(spanlayer_otlp::Signal::Traces, json.as_bytes()).unwrap()
}

/// Sends spans of these tenants to one extension after the other, all but the last of which are killed, while `down` takes
/// nothing; it does at the end.
async fn outlived(world: &World, down: &Destination, tenants: &[&str], extensions: usize) {
    for extension in 1..=extensions {
        let address = world.otlp_of(extension).await;
        for tenant in tenants {
            assert_eq!(post(address, "/v1/traces", PROTOBUF, &of_tenant(tenant)).await.status, 200);
        }
        world.invoke().await.payload();
        if extension < extensions {
            world.lambda.kill_extension("spanlayer");
            // Lambda notices with the next invocation, which fails, and the one after it has a new environment.
            world.invoke().await;
            world.invoke().await.payload();
        }
    }
    assert_eq!(down.spans().len(), 0, "it refuses");
    down.set_mode(Mode::Healthy);
    world.lambda.shutdown(Reason::Spindown).await;
}

/// The names of the spans that came there and begin so, sorted.
fn names(of: &Destination, beginning: &str) -> Vec<String> {
    let mut names: Vec<String> = of.spans().iter().map(|span| span.span.name.clone()).collect();
    names.retain(|name| name.starts_with(beginning));
    names.sort();
    names
}

#[tokio::test]
async fn a_tenants_spans_wait_for_its_own_destination_also_beyond_a_kill_and_never_reach_anothers() {
    let (a, b) =
        (Destination::start(Mode::Refusing).await.unwrap(), Destination::start(Mode::Healthy).await.unwrap());
    let exporters =
        format!("  otlphttp/a: {{endpoint: \"{}\"}}\n  otlphttp/b: {{endpoint: \"{}\"}}\n", a.url(), b.url());
    let rest = "connectors:\n  routing:\n    table:\n      - {condition: 'attributes[\"tenant\"] == \"a\"', pipelines: [traces/a]}\n      - \
                {condition: 'attributes[\"tenant\"] == \"b\"', pipelines: [traces/b]}\nservice:\n  pipelines:\n    traces/in: {receivers: \
                [otlp], exporters: [routing]}\n    traces/a: {receivers: [routing], exporters: [otlphttp/a]}\n    traces/b: {receivers: \
                [routing], exporters: [otlphttp/b]}\n";
    let world = World::idle(|builder| {
        builder.env("SPANLAYER_CONFIG", pipelines(&exporters, rest)).env("SPANLAYER_FLUSH", "end")
    })
    .await;
    outlived(&world, &a, &["a", "b", "nobody", "a"], 3).await;
    assert_eq!((names(&a, ""), names(&b, "")), (vec!["of a".to_owned(); 6], vec!["of b".to_owned(); 3]));
}

#[tokio::test]
async fn tenants_of_a_table_are_kept_apart_with_their_credentials_beyond_an_outage_and_a_kill() {
    let (a, b, own) = (
        Destination::start(Mode::Refusing).await.unwrap(),
        Destination::start(Mode::Healthy).await.unwrap(),
        Destination::start(Mode::Healthy).await.unwrap(),
    );
    let exporters = format!(
        "  otlphttp:\n    endpoint: \"{}\"\n    headers: {{x-own: secret, x-common: one}}\n    tenants:\n      attribute: tenant\n      table:\n        \
         - {{tenant: a, endpoint: \"{}\", headers: {{x-key: of-a}}}}\n        - {{tenant: b, endpoint: \"{}\", auth: {{authenticator: \
         bearertokenauth/b}}}}\n        - {{tenant: c, headers: {{X-Common: of-c}}}}\n      unknown: default\n",
        own.url(),
        a.url(),
        b.url()
    );
    let rest = "extensions: {bearertokenauth/b: {token: of-b}}\nservice:\n  extensions: [bearertokenauth/b]\n  pipelines:\n    traces: \
                {receivers: [otlp], exporters: [otlphttp]}\n";
    let world = World::idle(|builder| {
        builder.env("SPANLAYER_CONFIG", pipelines(&exporters, rest)).env("SPANLAYER_FLUSH", "end")
    })
    .await;
    outlived(&world, &a, &["a", "b", "c", "nobody", "a"], 2).await;
    assert_eq!(
        (names(&a, "of "), names(&b, "of ")),
        (vec!["of a".to_owned(); 4], vec!["of b".to_owned(); 2])
    );
    assert_eq!(names(&own, "of "), ["of c", "of c", "of nobody", "of nobody"]);
    let headers = ["x-own", "x-common", "x-key", "authorization"];
    let sent = |of: &Destination| {
        let mut sent: Vec<[String; 4]> = of
            .requests()
            .iter()
            .map(|request| headers.map(|name| request.header(name).unwrap_or_default().to_owned()))
            .collect();
        sent.sort();
        sent.dedup();
        sent
    };
    assert_eq!(sent(&a), [["", "", "of-a", ""]]);
    assert_eq!(sent(&b), [["", "", "", "Bearer of-b"]]);
    assert_eq!(sent(&own), [["secret", "of-c", "", ""], ["secret", "one", "", ""]]);
}

#[tokio::test]
async fn what_an_invocation_made_is_sampled_when_it_is_over_and_errors_leave_at_its_end() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let exporters = format!("  otlphttp: {{endpoint: \"{}\"}}\n", to.url());
    let rest = "processors:\n  filter: {traces: {span: ['attributes[\"none\"] != nil']}}\n  tail_sampling:\n    policies: [{name: \
                errors, type: status_code, status_code: {status_codes: [ERROR]}}]\nservice:\n  pipelines:\n    traces: {receivers: \
                [otlp], processors: [filter, tail_sampling], exporters: [otlphttp]}\n";
    let world = World::with(Mode::Healthy, |builder, function| {
        let builder =
            builder.env("SPANLAYER_CONFIG", pipelines(&exporters, rest)).env("SPANLAYER_FLUSH", "end");
        nothing_of_its_own(builder).handler(move |event| {
            let function = function.clone();
            async move {
                function.started(&event);
                function.spans(3, false);
                function.spans(2, true);
                function.ended_soon(&event);
                Ok(Bytes::from_static(b"{}"))
            }
        })
    })
    .await;
    for invocations in 1..=3 {
        world.invoke().await.payload();
        assert_eq!(to.spans().len(), 2 * invocations, "before the environment may be frozen");
    }
    world.lambda.shutdown(Reason::Spindown).await;
    assert_eq!(to.spans().len(), 6, "what was left out does not leave at the end either");
}

#[tokio::test]
async fn what_processors_find_is_told_in_the_last_line_and_unknown_attributes_by_name() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let exporters = format!("  otlphttp: {{endpoint: \"{}\"}}\n", to.url());
    let rest = "processors:\n  limits: {max_span_names: 1}\n  clock: {tolerance: 1h}\n  schema: {report: true}\nservice:\n  pipelines:\n    \
                traces: {receivers: [otlp], processors: [limits, clock, schema], exporters: [otlphttp]}\n";
    let world = World::idle(|builder| {
        nothing_of_its_own(builder).env("SPANLAYER_CONFIG", pipelines(&exporters, rest))
    })
    .await;
    let span = |name: &str, end: &str| {
        format!(
            r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"{name}","startTimeUnixNano":"5","endTimeUnixNano":"{end}",
            "attributes":[{{"key":"http.methd","value":{{"stringValue":"GET"}}}}]}}"#
        )
    };
    let spans = [span("a", "9"), span("b", "1"), span("c", "9223372036854775807")].join(",");
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let bytes = spanlayer_otlp::json::to_protobuf(spanlayer_otlp::Signal::Traces, json.as_bytes()).unwrap();
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &bytes).await.status, 200);
    world.invoke().await.payload();
    world.lambda.shutdown(Reason::Spindown).await;
    let last = world.says("\"shut down\"").await;
    for told in
        ["\"namesReplaced\":2", "\"fromFuture\":1", "\"negativeDurations\":1", "\"attributesUnknown\":3"]
    {
        assert!(last.contains(told), "{told}: {last}");
    }
    assert!(!last.contains("valuesCut"), "{last}");
    assert!(
        world.says("the semantic conventions do not have").await.contains("\"unknown\":\"http.methd 3\"")
    );
}
