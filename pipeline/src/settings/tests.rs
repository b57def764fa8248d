//! Environment variables, as tables.

use std::collections::HashMap;

use super::*;
use crate::{Compression, auth::Auth};

const RECEIVER: &str = "127.0.0.1:4318";

fn load(vars: &[(&str, &str)]) -> Loaded {
    let vars: HashMap<&str, &str> = vars.iter().copied().collect();
    Settings::from_vars(&vars, &[RECEIVER.parse().unwrap()])
}

/// Where a signal goes, if anywhere.
fn url(loaded: &Loaded, signal: Signal) -> Option<String> {
    let mut urls = loaded.settings.destinations.iter().filter_map(|one| otlp(one).url(signal));
    urls.next().map(|url| url.reveal().to_owned())
}

fn otlp(destination: &Destination) -> &Otlp {
    match &destination.kind {
        Kind::Otlp(otlp) => otlp,
        other => panic!("not OTLP: {other:?}"),
    }
}

/// The only destination.
fn only(vars: &[(&str, &str)]) -> (Destination, Otlp) {
    let loaded = load(vars);
    assert_eq!(loaded.problems, []);
    assert_eq!(loaded.settings.destinations.len(), 1);
    let destination = loaded.settings.destinations[0].clone();
    let http = otlp(&destination).clone();
    (destination, http)
}

fn problems(vars: &[(&str, &str)]) -> Vec<String> {
    load(vars).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_set_means_no_destination_and_no_problem() {
    let loaded = load(&[]);
    assert!(loaded.settings.destinations.is_empty() && loaded.problems.is_empty() && loaded.hints.is_empty());
    assert_eq!(loaded.settings.unserved(), Signal::ALL);
}

#[test]
fn one_endpoint_serves_all_signals_over_one_destination_with_the_defaults() {
    let (destination, http) = only(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example.com")]);
    assert_eq!(&*destination.name, "https://otlp.example.com");
    assert_eq!(destination.signals, Signal::ALL);
    assert_eq!(destination.timeout, Some(Duration::from_secs(10)));
    assert_eq!(http.compression, Compression::GZIP);
    assert_eq!((http.headers.len(), http.certificate, http.client, http.proxy), (0, None, None, None));
}

#[test]
fn endpoints_follow_the_specification() {
    for (given, expected) in [
        ("http://h:1", "http://h:1/v1/traces"),
        ("http://h:1/", "http://h:1/v1/traces"),
        ("http://h:1/otlp", "http://h:1/otlp/v1/traces"),
        ("http://h:1/otlp/", "http://h:1/otlp/v1/traces"),
        ("http://h:1/otlp?tenant=7", "http://h:1/otlp/v1/traces?tenant=7"),
        ("https://[2001:db8::7]", "https://[2001:db8::7]/v1/traces"),
    ] {
        assert_eq!(
            url(&load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", given)]), Signal::Traces).as_deref(),
            Some(expected)
        );
    }
    for (given, expected) in
        [("http://h:1", "http://h:1/"), ("http://h:1/x", "http://h:1/x"), ("http://h:1/x/", "http://h:1/x/")]
    {
        let loaded = load(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", given)]);
        assert_eq!(url(&loaded, Signal::Traces).as_deref(), Some(expected), "as it is");
        assert_eq!(url(&loaded, Signal::Logs), None);
        assert_eq!(loaded.hints.len(), usize::from(given == "http://h:1"), "a missing path is worth a word");
    }
}

#[test]
fn for_each_setting_the_most_specific_of_ours_counts_first() {
    const ORDER: [&str; 4] = [
        "SPANLAYER_EXPORTER_OTLP_TRACES_TIMEOUT",
        "SPANLAYER_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ];
    for first in 0..ORDER.len() {
        let mut vars = vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/x")];
        let values = ["1000", "2000", "3000", "4000"];
        vars.extend(ORDER.into_iter().zip(values).skip(first));
        let (destination, _) = only(&vars);
        assert_eq!(destination.timeout, Some(Duration::from_secs(first as u64 + 1)), "{vars:?}");
    }
}

#[test]
fn endpoints_count_in_the_same_order() {
    let all = [
        ("SPANLAYER_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a/x", "http://a/x"),
        ("SPANLAYER_EXPORTER_OTLP_ENDPOINT", "http://b", "http://b/v1/traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/x", "http://c/x"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://d", "http://d/v1/traces"),
    ];
    for first in 0..all.len() {
        let vars: Vec<(&str, &str)> = all[first..].iter().map(|(name, value, _)| (*name, *value)).collect();
        assert_eq!(url(&load(&vars), Signal::Traces).as_deref(), Some(all[first].2));
    }
}

#[test]
fn once_our_own_endpoint_applies_no_otel_value_is_used_for_that_signal() {
    let loaded = load(&[
        ("SPANLAYER_EXPORTER_OTLP_TRACES_ENDPOINT", "https://a/v1/traces"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://b"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=for-b"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
    ]);
    assert_eq!(loaded.problems, []);
    let [ours, theirs] = loaded.settings.destinations.as_slice() else { panic!("two destinations") };
    assert_eq!(
        (&ours.signals[..], &theirs.signals[..]),
        (&[Signal::Traces][..], &[Signal::Metrics, Signal::Logs][..])
    );
    assert_eq!((otlp(ours).headers.len(), otlp(ours).compression), (0, Compression::GZIP));
    assert_eq!((otlp(theirs).headers.len(), otlp(theirs).compression), (1, Compression::None));
}

#[test]
fn signals_share_a_destination_only_if_everything_but_the_path_is_alike() {
    let (destination, _) = only(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://h/elsewhere"),
    ]);
    assert_eq!(destination.signals.len(), 3);
    let loaded =
        load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h"), ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x=y")]);
    assert_eq!(loaded.settings.destinations.len(), 2);
}

#[test]
fn an_otel_endpoint_that_is_our_own_receiver_counts_as_unset_with_a_hint() {
    for own in [
        "http://127.0.0.1:4318",
        "http://localhost:4318/",
        "http://[::1]:4318",
        "http://0.0.0.0:4318",
        "http://[::]:4318",
        "http://[::ffff:127.0.0.1]:4318",
        "http://[::ffff:0.0.0.0]:4318",
    ] {
        let loaded = load(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", own),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), // how the function talks to us: none of our business
        ]);
        assert!(loaded.settings.destinations.is_empty() && loaded.problems.is_empty(), "{own}");
        assert_eq!(loaded.hints.len(), 1, "{own}");
        assert!(loaded.hints[0].contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
    }
    let loaded = load(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9999"),
    ]);
    assert_eq!(url(&loaded, Signal::Traces).as_deref(), Some("http://127.0.0.1:9999/v1/traces"));
    for other in ["http://10.0.0.7:4318", "http://[::ffff:10.0.0.7]:4318", "http://[::]:9999"] {
        let loaded = load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", other)]);
        assert!(url(&loaded, Signal::Logs).is_some(), "{other}");
    }
}

#[test]
fn a_receiver_of_this_machine_is_known_by_its_address_in_either_family() {
    for receiver in ["10.0.0.7:4318", "[::ffff:10.0.0.7]:4318"] {
        for own in ["http://10.0.0.7:4318", "http://[::ffff:10.0.0.7]:4318"] {
            let vars = HashMap::from([("OTEL_EXPORTER_OTLP_ENDPOINT", own)]);
            let loaded = Settings::from_vars(&vars, &[receiver.parse().unwrap()]);
            assert!(loaded.settings.destinations.is_empty(), "{own} is {receiver}");
        }
    }
}

#[test]
fn an_explicit_endpoint_that_is_our_own_receiver_is_refused() {
    let loaded = load(&[
        ("SPANLAYER_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://elsewhere"),
    ]);
    assert!(loaded.settings.destinations.is_empty(), "nor is anything else used in its place");
    assert_eq!(loaded.problems.len(), 1);
    assert_eq!(loaded.problems[0].name, "SPANLAYER_EXPORTER_OTLP_ENDPOINT");
}

#[test]
fn what_is_not_supported_is_refused_by_name_for_the_signals_it_is_meant_for() {
    for (var, value, says) in [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "expected gzip, zstd or none"),
        ("SPANLAYER_EXPORTER_OTLP_COMPRESSION", "gzip:11", "expected gzip:1 to gzip:9"),
        ("SPANLAYER_EXPORTER_OTLP_COMPRESSION", "zstd:0", "expected zstd:1 to zstd:19"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke", "expected http/protobuf, http/json or grpc"),
    ] {
        let loaded = load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"), (var, value)]);
        assert!(loaded.settings.destinations.is_empty(), "{value}");
        assert_eq!(loaded.problems.len(), 1, "{value}: one problem, though three signals met it");
        assert!(
            loaded.problems[0].to_string().starts_with(&format!("{var}: {says}")),
            "{}",
            loaded.problems[0]
        );
    }
    let loaded =
        load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"), ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "soap")]);
    assert_eq!(loaded.settings.unserved(), [Signal::Metrics]);
}

#[test]
fn a_fault_that_leaves_signals_without_a_destination_says_which() {
    const ALL: &str = "traces, metrics and logs";
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h");
    for (vars, faulty, lost) in [
        (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://h")], "OTEL_EXPORTER_OTLP_ENDPOINT", ALL),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke")], "OTEL_EXPORTER_OTLP_PROTOCOL", ALL),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_COMPRESSION", "lzma")], "OTEL_EXPORTER_OTLP_COMPRESSION", ALL),
        (
            vec![("SPANLAYER_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")],
            "SPANLAYER_EXPORTER_OTLP_ENDPOINT",
            ALL,
        ),
        (
            vec![endpoint, ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "lzma")],
            "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
            "logs",
        ),
        (
            vec![
                endpoint,
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke"),
                ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"),
            ],
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "traces and logs",
        ),
    ] {
        let said = problems(&vars);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(&format!("{faulty}: ")), "{said:?}");
        assert!(said[0].ends_with(&format!("; {lost} go nowhere until this is right")), "{said:?}");
    }
    let harmless = problems(&[endpoint, ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")]);
    assert!(harmless.len() == 1 && !harmless[0].contains("nowhere"), "{harmless:?}");
}

#[test]
fn protocols_and_compressions_go_by_their_names_in_any_case() {
    for (protocol, expected) in [
        ("HTTP/Protobuf", Protocol::HttpProtobuf),
        ("http/json", Protocol::HttpJson),
        ("gRPC", Protocol::Grpc),
    ] {
        for (compression, packed) in
            [("Zstd", Compression::ZSTD), ("zstd:7", Compression::Zstd(7)), ("gzip:9", Compression::Gzip(9))]
        {
            let (_, otlp) = only(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4317"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("SPANLAYER_EXPORTER_OTLP_COMPRESSION", compression),
            ]);
            assert_eq!((otlp.protocol, otlp.compression), (expected, packed));
        }
    }
}

#[test]
fn a_grpc_target_is_a_host_whose_path_does_not_count_and_which_is_secure_unless_told_otherwise() {
    let service = |origin: &str| format!("{origin}{}", Signal::Traces.grpc_path());
    for (given, insecure, origin) in [
        ("https://h", "", "https://h"),
        ("https://h:4317/otlp?x=y#z", "", "https://h:4317"),
        ("http://h:4317", "", "http://h:4317"),
        ("http://h:4317", "false", "http://h:4317"),
        ("h:4317", "", "https://h:4317"),
        ("h:4317", "TRUE", "http://h:4317"),
        ("h:4317", "false", "https://h:4317"),
        ("https://h:4317", "true", "https://h:4317"), // only where there is no scheme
        ("h:443", "true", "http://h:443"),
        ("[2001:db8::7]:4317", "true", "http://[2001:db8::7]:4317"),
    ] {
        for endpoint in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
            let loaded = load(&[
                (endpoint, given),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_INSECURE", insecure),
            ]);
            assert_eq!(loaded.problems, [], "{given}");
            assert_eq!(url(&loaded, Signal::Traces), Some(service(origin)), "{given}, insecure: {insecure}");
        }
    }
    for wrong in ["dns:///h:4317", "unix:/var/run/h.sock", "h:port", "h:4317/path", "ftp://h", ":4317"] {
        let vars = [("OTEL_EXPORTER_OTLP_ENDPOINT", wrong), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert_eq!(url(&load(&vars), Signal::Traces), None, "{wrong}");
        assert_eq!(problems(&vars).len(), 1, "{wrong}");
    }
}

#[test]
fn signals_of_one_grpc_server_share_a_destination_and_those_of_other_protocols_do_not() {
    let (destination, otlp) =
        only(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    assert_eq!((&*destination.name, destination.signals), ("https://h", Signal::ALL.to_vec()));
    for signal in Signal::ALL {
        assert_eq!(
            otlp.url(signal).map(|url| url.reveal()),
            Some(&*format!("https://h{}", signal.grpc_path()))
        );
    }
    let loaded =
        load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h"), ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc")]);
    assert_eq!(loaded.settings.destinations.len(), 2);
}

#[test]
fn our_own_grpc_receiver_is_recognized_also_without_a_scheme() {
    let loaded = load(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
    ]);
    assert!(loaded.settings.destinations.is_empty() && loaded.problems.is_empty());
    assert_eq!(loaded.hints.len(), 1, "{:?}", loaded.hints);
}

#[test]
fn a_grpc_target_that_may_surprise_is_worth_a_hint() {
    for (endpoint, says) in [
        ("http://h:4318", "port 4318"),
        ("http://h", "requests go to port 80"),
        ("https://h/otlp", "a path, which gRPC does not use"),
    ] {
        let loaded =
            load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert_eq!(loaded.hints.len(), 1, "{endpoint}: {:?}", loaded.hints);
        assert!(loaded.hints[0].contains(says), "{:?}", loaded.hints);
    }
    for endpoint in ["https://h", "http://h:4317"] {
        let loaded =
            load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert_eq!(loaded.hints, Vec::<String>::new(), "{endpoint}");
    }
}

#[test]
fn a_proxy_stands_before_grpc_only_with_tls() {
    for (endpoint, proxied) in [("https://h", true), ("http://h:4317", false)] {
        let loaded = load(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("ALL_PROXY", "p:1"),
        ]);
        assert_eq!(otlp(&loaded.settings.destinations[0]).proxy.is_some(), proxied);
        assert_eq!(loaded.hints.len(), usize::from(!proxied), "{:?}", loaded.hints);
    }
}

#[test]
fn a_faulty_endpoint_is_named_and_not_shown_and_nothing_else_takes_its_place() {
    for wrong in ["localhost:4318", "ftp://h", "http://", "s3cret", "http//h", "https://user:s3cret@"] {
        let vars = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", wrong),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:1"),
        ];
        let loaded = load(&vars);
        assert_eq!(url(&loaded, Signal::Traces), None, "{wrong}");
        assert!(url(&loaded, Signal::Logs).is_some());
        assert_eq!(loaded.problems.len(), 1);
        let said = loaded.problems[0].to_string();
        assert!(
            said.starts_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ") && !said.contains("s3cret"),
            "{said}"
        );
    }
}

#[test]
fn every_problem_is_reported_at_once_and_the_rest_is_used() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "good=1,bad header=s3cret"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
        ("HTTP_PROXY", "socks5://p:1"),
    ];
    let said = problems(&vars);
    for name in ["TIMEOUT", "HEADERS", "CLIENT_KEY", "HTTP_PROXY"] {
        assert_eq!(
            said.iter().filter(|line| line.split(':').next().unwrap().ends_with(name)).count(),
            1,
            "{said:?}"
        );
    }
    assert_eq!(said.len(), 4);
    assert!(!said.concat().contains("s3cret"));
    let loaded = load(&vars);
    assert_eq!(loaded.settings.destinations[0].timeout, Some(Duration::from_secs(10)));
    assert_eq!(otlp(&loaded.settings.destinations[0]).headers.len(), 1);
}

#[test]
fn the_rest_of_the_settings_arrive() {
    let (destination, http) = only(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/me.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
    ]);
    assert_eq!(destination.timeout, None, "0 is no limit");
    assert_eq!(http.headers[0].1, "Bearer s3cret");
    assert_eq!(http.compression, Compression::None);
    assert_eq!(http.certificate, Some("/ca.pem".into()));
    assert_eq!(http.client, Some(ClientCertificate { chain: "/me.pem".into(), key: "/key.pem".into() }));
    assert!(!format!("{destination:?}").contains("s3cret"));
}

#[test]
fn proxies_come_from_the_usual_variables_and_never_stand_before_this_machine() {
    let proxy = |endpoint: &str, vars: &[(&str, &str)]| {
        let mut all = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)];
        all.extend(vars);
        only(&all).1.proxy.map(|proxy| (proxy.address.reveal().to_owned(), proxy.except))
    };
    let both =
        [("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://u:s3cret@b:2"), ("NO_PROXY", "internal")];
    let expected = |address: &str| Some((address.to_owned(), "internal".to_owned()));
    assert_eq!(proxy("http://h", &both), expected("http://a:1/"));
    assert_eq!(proxy("https://h", &both), expected("http://u:s3cret@b:2/"));
    assert_eq!(proxy("http://127.0.0.1:9999", &both), None);
    assert_eq!(proxy("http://localhost:9999", &both), None);
    assert_eq!(proxy("https://h", &[("ALL_PROXY", "b:2")]), Some(("http://b:2/".to_owned(), String::new())));
    let (destination, _) = only(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h"), both[1]]);
    assert!(!format!("{destination:?}").contains("s3cret"));
}

#[test]
fn the_grpc_port_is_worth_a_hint() {
    let loaded = load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")]);
    assert_eq!((loaded.problems.len(), loaded.hints.len()), (0, 1));
}

#[test]
fn the_documented_defaults_are_what_an_empty_environment_gives() {
    let (destination, http) = only(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h")]);
    let default = |suffix: &str| TABLE.iter().find(|row| row.name.ends_with(suffix)).unwrap().default;
    assert_eq!(destination.timeout, spanlayer_host::vars::duration(default("_TIMEOUT")).ok());
    assert_eq!((http.compression.content_encoding(), default("_COMPRESSION")), (Some("gzip"), "gzip"));
    assert_eq!((http.protocol, default("_PROTOCOL")), (Protocol::HttpProtobuf, "http/protobuf"));
    assert_eq!(default("_INSECURE"), "false");
    assert_eq!((http.auth, default("_AUTH")), (None, "auto"));
    assert_eq!(TABLE.len(), 15);
}

#[test]
fn settings_never_show_what_is_secret() {
    let shown = format!(
        "{:?}",
        load(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:s3cret@h/?key=s3cret")]).settings
    );
    assert!(!shown.contains("s3cret"), "{shown}");
}

fn of(loaded: &Loaded, n: usize) -> &Otlp {
    otlp(&loaded.settings.destinations[n])
}

#[test]
fn awss_own_endpoints_are_signed_for_within_their_limits_and_told_the_functions_log() {
    let loaded = load(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://xray.eu-west-1.amazonaws.com/v1/traces"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://logs.eu-west-1.amazonaws.com/v1/logs"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://monitoring.eu-west-1.amazonaws.com/v1/metrics"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/31/[$LATEST]abc"),
    ]);
    assert_eq!(loaded.problems, []);
    for (n, one) in loaded.settings.destinations.iter().enumerate() {
        let (service, items) = match one.signals[0] {
            Signal::Traces => ("xray", 8192),
            Signal::Logs => ("logs", 8192),
            Signal::Metrics => ("monitoring", 1000),
        };
        let expected = Auth::SigV4 { service: service.to_owned(), region: Some("eu-west-1".to_owned()) };
        assert_eq!((of(&loaded, n).auth.as_ref(), one.batch.items), (Some(&expected), items));
        let headers: Vec<&str> = of(&loaded, n).headers.iter().map(|(name, _)| name.as_str()).collect();
        let told: &[&str] = if service == "logs" { &["x-aws-log-group", "x-aws-log-stream"] } else { &[] };
        assert_eq!(headers, told);
        // To each record, 26 bytes are added.
        assert!(service != "logs" || one.batch.bytes + 26 * one.batch.items <= 1_048_576);
    }
}

#[test]
fn zstd_is_not_sent_to_awss_own_endpoints_and_the_variable_that_asks_for_it_is_named() {
    let loaded = load(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://xray.eu-west-1.amazonaws.com/v1/traces"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://otlp.example.com/v1/logs"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
    ]);
    assert_eq!(loaded.problems.len(), 1);
    assert_eq!(loaded.problems[0].name, "OTEL_EXPORTER_OTLP_COMPRESSION");
    assert!(loaded.problems[0].what.contains("gzip is sent there"), "{:?}", loaded.problems);
    assert_eq!(of(&loaded, 0).compression, Compression::GZIP);
    assert_eq!(of(&loaded, 1).compression, Compression::ZSTD);
}

#[test]
fn whoever_brings_a_header_or_says_so_is_not_signed_for() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://logs.eu-west-1.amazonaws.com");
    let auth = |more| only(&[endpoint, more]).1.auth;
    assert_eq!(auth(("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer ${env:KEY}")), None);
    assert_eq!(auth(("OTEL_EXPORTER_OTLP_AUTH", "none")), None);
    assert!(auth(("OTEL_EXPORTER_OTLP_AUTH", "auto")).is_some());
    let vars =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"), ("OTEL_EXPORTER_OTLP_AUTH", "sigv4:aps:eu-west-2")];
    let expected = Auth::SigV4 { service: "aps".to_owned(), region: Some("eu-west-2".to_owned()) };
    assert_eq!(only(&vars).1.auth, Some(expected));
}

#[test]
fn schemes_are_made_of_their_variables_and_what_is_missing_is_named() {
    const E: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h");
    let auth = |name| ("OTEL_EXPORTER_OTLP_AUTH", name);
    let (user, secret) =
        (("OTEL_EXPORTER_OTLP_AUTH_USER", "u"), ("OTEL_EXPORTER_OTLP_AUTH_SECRET", "${ssm:/s}"));
    let url = ("OTEL_EXPORTER_OTLP_AUTH_TOKEN_URL", "https://login/token");
    let value = |text| crate::auth::Value::parse(text).unwrap();
    assert_eq!(only(&[E, auth("bearer"), secret]).1.auth, Some(Auth::Bearer(value("${ssm:/s}"))));
    let basic = Auth::Basic { user: value("u"), password: value("${ssm:/s}") };
    assert_eq!(only(&[E, auth("basic"), user, secret]).1.auth, Some(basic));
    let more = [
        ("OTEL_EXPORTER_OTLP_AUTH_SCOPES", "a b"),
        ("OTEL_EXPORTER_OTLP_AUTH_PARAMS", "audience=x%2Cy,tenant=${env:T}"),
    ];
    let (_, otlp) = only(&[&[E, auth("oauth2"), user, secret, url][..], &more].concat());
    let Some(Auth::OAuth2(client)) = otlp.auth else { panic!("{otlp:?}") };
    assert_eq!(client.scopes, ["a", "b"]);
    let params = [("audience".to_owned(), value("x,y")), ("tenant".to_owned(), value("${env:T}"))];
    assert_eq!(client.params, params);
    for (vars, names) in [
        (&[auth("bearer")][..], "AUTH_SECRET"),
        (&[auth("basic"), secret], "AUTH_USER"),
        (&[auth("oauth2"), user, secret], "AUTH_TOKEN_URL"),
        (&[auth("oauth2"), url, user], "AUTH_SECRET"),
        (&[auth("sigv4")], "AUTH"),
        (&[auth("sigv4:xray"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "AUTH"),
        (&[auth("kerberos")], "AUTH"),
    ] {
        let loaded = load(&[&[E], vars].concat());
        assert!(loaded.settings.destinations.is_empty(), "nothing goes out without: {vars:?}");
        let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        let expected = format!("OTEL_EXPORTER_OTLP_{names}: ");
        assert!(told[0].starts_with(&expected) && told[0].contains("go nowhere"), "{vars:?}: {told:?}");
    }
}

#[test]
fn a_bucket_is_an_endpoint() {
    let loaded = load(&[
        ("SPANLAYER_EXPORTER_OTLP_ENDPOINT", "s3://archive/prod/"),
        ("SPANLAYER_EXPORTER_OTLP_TRACES_ENDPOINT", "https://h/v1/traces"),
        ("SPANLAYER_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ]);
    assert_eq!((loaded.problems.len(), loaded.settings.destinations.len()), (0, 2));
    let archive = &loaded.settings.destinations[1];
    assert_eq!((&*archive.name, archive.signals.len()), ("s3://archive/prod/", 2));
    assert!(!problems(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "s3://")]).is_empty());
}
