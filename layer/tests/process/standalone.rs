//! Beside Lambda: the same pipeline from the same file, until a signal ends it.

mod program;

use crate::{
    grpc::Client,
    remote::Files,
    world::{PROTOBUF, SOON, World, nothing_of_its_own, post, spans},
};
use program::{Program, Scratch};
use rustix::process::Signal;
use spanlayer_emulator::{Destination, Mode, Reason};
use std::{
    fs,
    net::{TcpListener, TcpStream},
    sync::Arc,
};

const ENDPOINT: &str = "SPANLAYER_EXPORTER_OTLP_ENDPOINT";

/// A file whose data does not wait for more, or does so for this long.
fn file(to: &Destination, wait: &str, processors: &str) -> String {
    let names = if processors.is_empty() { "batch" } else { "tail_sampling, batch" };
    format!(
        "receivers: {{otlp: {{protocols: {{http: , grpc: }}}}, telemetryapi: }}\nprocessors:\n  batch: {{timeout: {wait}}}\n{processors}\
         exporters: {{otlphttp: {{endpoint: \"{}\"}}}}\nextensions: {{health_check: {{path: /live}}}}\nservice:\n  extensions: \
         [health_check]\n  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: localhost, port: 0}}}}}}}}]}}}}\n  \
         pipelines: {{traces: {{receivers: [otlp], processors: [{names}], exporters: [otlphttp]}}}}\n",
        to.url()
    )
}

fn written(scratch: &Scratch, text: &str) -> String {
    let path = scratch.path().join("pipeline.yaml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_file_is_run_both_ways() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let scratch = Scratch::new();
    let path = written(&scratch, &file(&to, "10ms", ""));
    let program = Program::start(&["--config", &path], &[]);
    let ready = program.says("\"message\":\"ready\"").await;
    assert!(
        ready.contains(&format!("otlphttp ({})", to.url())) && ready.contains("\"metrics\":\""),
        "{ready}"
    );
    assert_eq!(
        post(program.address("otlpHttp").await, "/v1/traces", PROTOBUF, &spans(2, false)).await.status,
        200
    );
    let client = Client::connect(program.address("otlpGrpc").await).await;
    assert_eq!(client.traces(&spans(3, true)).await.0, 0);
    to.wait_for_spans(5, SOON).await.unwrap();
    assert_eq!(program.asks("/live").await.status, 200);
    let page = program::get(program.address("metrics").await, "/metrics").await;
    assert!(page.status == 200 && page.head.contains("text/plain; version=0.0.4"), "{}", page.head);
    assert!(
        page.text().contains("spanlayer_received_total{spanlayer_signal=\"traces\",service_name=\"\"} 5"),
        "{}",
        page.text()
    );

    let world = World::idle(|builder| nothing_of_its_own(builder).env("SPANLAYER_CONFIG", &path)).await;
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(4, false)).await.status, 200);
    world.lambda.shutdown(Reason::Spindown).await;
    assert_eq!(to.spans().len(), 9);
    let log = world.log().join("\n");
    assert!(!log.contains("is ignored") && !log.contains("HEALTH"), "{log}");
    let hash = |line: &str| line.split("with the hash ").nth(1).unwrap()[..16].to_owned();
    let hashes =
        [program.says("with the hash").await, world.says("with the hash").await].map(|line| hash(&line));
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn data_waits_for_more_until_there_is_enough_of_it() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let config = format!("yaml:{}", file(&to, "1h", ""));
    let program = Program::start(&["--config", &config], &[("SPANLAYER_MAX_STALENESS", "1h")]);
    let http = program.address("otlpHttp").await;
    for count in [500, 11, 1] {
        assert_eq!(post(http, "/v1/traces", PROTOBUF, &spans(count, false)).await.status, 200);
    }
    to.wait_for_spans(512, SOON).await.unwrap();
    assert_eq!(to.requests().len(), 1, "none of it before there were 512");
}

#[tokio::test]
async fn a_signal_drains_and_ends_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let to = Destination::start(Mode::Healthy).await.unwrap();
        let mut program = Program::start(&["--config", &format!("yaml:{}", file(&to, "1h", ""))], &[]);
        let http = program.address("otlpHttp").await;
        assert_eq!(post(http, "/v1/traces", PROTOBUF, &spans(7, false)).await.status, 200);
        assert_eq!(to.spans().len(), 0, "it waits for more");
        program.signal(signal);
        assert_eq!(program.ends().await.code(), Some(0), "{}", program.log());
        assert_eq!(to.spans().len(), 7);
        let last = program.says("\"shut down\"").await;
        assert!(last.contains("\"delivered\":7") && last.contains("\"lost\":0"), "{last}");
    }
}

#[tokio::test]
async fn what_cannot_be_delivered_in_time_is_in_dead_letters_and_lost_only_without_them() {
    let to = Destination::start(Mode::Hanging).await.unwrap();
    for (letters, spool, status) in [("file:", "auto", 0), ("off", "auto", 0), ("off", "off", 1)] {
        let scratch = Scratch::new();
        let path = scratch.path().join("letters").to_str().unwrap().to_owned();
        let letters = letters.replace("file:", &format!("file:{path}"));
        let vars = [
            (ENDPOINT, &*to.url()),
            ("SPANLAYER_DEAD_LETTERS", &letters),
            ("SPANLAYER_SPOOL_BYTES", spool),
            ("SPANLAYER_SHUTDOWN_TIMEOUT", "1s"),
        ];
        let mut program = Program::start(&[], &vars);
        let http = program.address("otlpHttp").await;
        assert_eq!(post(http, "/v1/traces", PROTOBUF, &spans(7, false)).await.status, 200);
        program.signal(Signal::TERM);
        assert_eq!(program.ends().await.code(), Some(status), "{letters} {spool}: {}", program.log());
        let last = program.says("\"shut down before").await;
        let kept = [("\"deadLettered\":7", "file"), ("\"spooled\":7", "auto"), ("\"lost\":7", "off")];
        let (figure, _) = kept.iter().find(|(_, how)| letters.starts_with(how) || spool == *how).unwrap();
        assert!(last.contains(figure), "{last}");
    }
}

#[tokio::test]
async fn its_health_says_that_it_serves_that_it_drains_and_a_second_signal_ends_it_at_once() {
    let to = Destination::start(Mode::Hanging).await.unwrap();
    let mut program = Program::start(&[], &[(ENDPOINT, &to.url()), ("SPANLAYER_SHUTDOWN_TIMEOUT", "1h")]);
    let http = program.address("otlpHttp").await;
    let healthy = program.asks("/").await;
    assert_eq!((healthy.status, healthy.text().contains("\"phase\":\"serving\"")), (200, true));
    assert_eq!(post(http, "/v1/traces", PROTOBUF, &spans(7, false)).await.status, 200);
    program.signal(Signal::TERM);
    program.says("\"message\":\"draining\"").await;
    let draining = program.asks("/").await;
    assert_eq!((draining.status, draining.text().contains("\"phase\":\"draining\"")), (503, true));
    let refused = post(http, "/v1/traces", PROTOBUF, &spans(1, false)).await;
    assert_eq!(refused.status, 503, "what comes now is for another");
    program.signal(Signal::INT);
    assert_eq!(program.ends().await.code(), Some(1));
    program.says("ended at once").await;
    // What it had taken is still there.
    to.set_mode(Mode::Healthy);
    let _again = program.restart_killed(&[(ENDPOINT, &to.url())]);
    to.wait_for_spans(7, SOON).await.unwrap();
}

#[tokio::test]
async fn senders_are_told_that_the_queue_is_full_and_everything_that_was_taken_arrives() {
    let to = Destination::start(Mode::Refusing).await.unwrap();
    let program = Program::start(&[], &[(ENDPOINT, &to.url()), ("SPANLAYER_QUEUE_BYTES", "64KiB")]);
    let http = program.address("otlpHttp").await;
    let mut taken = 0;
    let full = loop {
        let answer = post(http, "/v1/traces", PROTOBUF, &spans(100, false)).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 100;
        assert!(taken < 10_000, "it is bounded");
    };
    assert_eq!(full.status, 429);
    assert!(full.head.contains("\r\nretry-after: 5"), "{}", full.head);
    let client = Client::connect(program.address("otlpGrpc").await).await;
    let (code, message) = client.traces(&spans(100, false)).await;
    assert_eq!((code, message.as_str()), (8, "the queue is full"));
    to.set_mode(Mode::Healthy);
    program.signal(Signal::TERM);
    program.says("\"message\":\"shut down\"").await;
    assert_eq!(to.spans().len(), taken);
}

#[tokio::test]
async fn who_is_killed_finds_again_what_was_taken() {
    let to = Destination::start(Mode::Refusing).await.unwrap();
    let vars = [(ENDPOINT, &*to.url())];
    let program = Program::start(&[], &vars);
    assert_eq!(
        post(program.address("otlpHttp").await, "/v1/traces", PROTOBUF, &spans(9, false)).await.status,
        200
    );
    let program = program.restart_killed(&vars);
    program.says("\"message\":\"ready\"").await;
    to.set_mode(Mode::Healthy);
    to.wait_for_spans(9, SOON).await.unwrap();
}

#[tokio::test]
async fn a_trace_is_sampled_when_nothing_more_of_it_has_come_for_a_while() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let sampling = "  tail_sampling: {decision_wait: 300ms, policies: [{name: e, type: status_code, status_code: {status_codes: \
                    [ERROR]}}]}\n";
    let config = format!("yaml:{}", file(&to, "10ms", sampling));
    let mut program = Program::start(&["--config", &config], &[]);
    let http = program.address("otlpHttp").await;
    for (count, error) in [(3, false), (2, true), (4, false)] {
        assert_eq!(post(http, "/v1/traces", PROTOBUF, &spans(count, error)).await.status, 200);
    }
    to.wait_for_spans(2, SOON).await.unwrap();
    program.signal(Signal::TERM);
    program.ends().await;
    assert_eq!(to.spans().len(), 2);
    assert!(program.says("\"shut down\"").await.contains("\"sampledOut\":7"), "{}", program.log());
}

#[tokio::test]
async fn what_is_wrong_with_its_settings_is_told_at_once_and_nothing_is_run() {
    let faulty = "yaml:{receivers: {otlp: {protocols: {http: , grpc: {tls: {cert_file: x}}}}}, exporters: {otlphttp: {endpoint: h}}, \
                  service: {pipelines: {traces: {receivers: [otlp], exporters: [otlphttp]}}}}";
    let vars = [
        ("SPANLAYER_HEALTH", "here"),
        ("SPANLAYER_QUEUE_BYTES", "much"),
        ("SPANLAYER_SHUTDOWN_TIMEOUT", "soon"),
    ];
    let mut program = Program::start(&["--config", faulty], &vars);
    assert_eq!(program.ends().await.code(), Some(2));
    for name in
        ["SPANLAYER_HEALTH", "SPANLAYER_QUEUE_BYTES", "SPANLAYER_SHUTDOWN_TIMEOUT", "`tls`", "endpoint"]
    {
        program.says(name).await;
    }
    for (arguments, told) in [
        (&["--config", "/none/spanlayer.yaml"][..], "/none/spanlayer.yaml: cannot be read"),
        (&["--config", "https://127.0.0.1:9/x.yaml"], "https://127.0.0.1:9/x.yaml: "),
        (&["--conf"], "`--conf` is no option"),
    ] {
        let mut program = Program::start(arguments, &[]);
        assert_eq!(program.ends().await.code(), Some(2), "{arguments:?}");
        program.says(told).await;
    }
    let nowhere = [("SPANLAYER_OTLP_HTTP", "off"), ("SPANLAYER_OTLP_GRPC", "off")];
    let mut program = Program::start(&[], &nowhere);
    assert_eq!(program.ends().await.code(), Some(2));
    program.says("nothing would be taken in").await;
}

#[tokio::test]
async fn ports_that_are_taken_are_told_with_who_has_them_and_nothing_is_run() {
    let taken = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [http, health] = [0, 1].map(|n| taken[n].local_addr().unwrap().to_string());
    let mut program = Program::start(&[], &[("SPANLAYER_OTLP_HTTP", &http), ("SPANLAYER_HEALTH", &health)]);
    assert_eq!(program.ends().await.code(), Some(1));
    for (what, address, variable) in
        [("OTLP/HTTP", http, "SPANLAYER_OTLP_HTTP"), ("health", health, "SPANLAYER_HEALTH")]
    {
        let line = program.says(&format!("{what} cannot listen at {address}")).await;
        assert!(
            line.contains(&format!("(process {})", std::process::id())) && line.contains(variable),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_file_from_elsewhere_is_there_before_anything_is_taken_in_and_the_last_good_one_counts_after_that()
{
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let scratch = Arc::new(Scratch::new());
    let files = Files::serve(200, &file(&to, "10ms", ""));
    let start = || Program::start_in(Arc::clone(&scratch), &["--config", &files.url()], &[]);
    for (status, text, ending) in
        [(200, file(&to, "10ms", ""), 0), (503, String::new(), 0), (200, "{}".to_owned(), 2)]
    {
        files.now(status, &text);
        let mut program = start();
        if ending == 0 {
            let http = program.address("otlpHttp").await;
            assert_eq!(post(http, "/v1/traces", PROTOBUF, &spans(1, false)).await.status, 200);
            program.signal(Signal::TERM);
        }
        assert_eq!(program.ends().await.code(), Some(ending), "{}", program.log());
    }
    assert_eq!(to.spans().len(), 2);
}

#[tokio::test]
async fn more_senders_than_a_function_has_are_served_at_once() {
    let program = Program::start(&[], &[]);
    let http = program.address("otlpHttp").await;
    let idle: Vec<_> = (0..200).map(|_| TcpStream::connect(http).unwrap()).collect();
    assert_eq!(post(http, "/v1/traces", PROTOBUF, &spans(1, false)).await.status, 200);
    drop(idle);
}
