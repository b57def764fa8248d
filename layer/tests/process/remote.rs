//! A pipeline file on a web server.

use crate::world::{PROTOBUF, SOON, World, nothing_of_its_own, post, spans};
use spanlayer_emulator::{Destination, Mode, Reason};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

/// A web server that answers everything alike, until told otherwise.
pub(crate) struct Files {
    address: SocketAddr,
    /// The status, the file, and how often it was asked for.
    state: Arc<Mutex<(u16, String, usize)>>,
}

impl Files {
    pub(crate) fn serve(status: u16, text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((status, text.to_owned(), 0)));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                let mut state = shared.lock().unwrap();
                state.2 += 1;
                let (status, text) = (state.0, &state.1);
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/spanlayer.yaml", self.address)
    }

    pub(crate) fn now(&self, status: u16, text: &str) {
        let mut state = self.state.lock().unwrap();
        (state.0, state.1) = (status, text.to_owned());
    }

    fn asked(&self) -> usize {
        self.state.lock().unwrap().2
    }
}

fn file(to: &Destination) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{http: }}}}}}\nexporters: {{otlphttp: {{endpoint: \"{}\"}}}}\nservice: {{pipelines: \
         {{traces: {{receivers: [otlp], exporters: [otlphttp]}}}}}}\n",
        to.url()
    )
}

async fn world(files: &Files) -> World {
    World::idle(|builder| {
        nothing_of_its_own(builder).env("SPANLAYER_CONFIG", files.url()).env("SPANLAYER_FLUSH", "end")
    })
    .await
}

#[tokio::test]
async fn it_is_loaded_beside_the_first_invocation_and_what_came_before_goes_where_it_says() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let files = Files::serve(200, &file(&to));
    let world = World::idle(|builder| {
        nothing_of_its_own(builder)
            .env("OPENTELEMETRY_COLLECTOR_CONFIG_URI", files.url())
            .env("SPANLAYER_FLUSH", "end")
    })
    .await;
    let address = world.otlp().await;
    let secret = spanlayer_otlp::json::to_protobuf(
        spanlayer_otlp::Signal::Traces,
        br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"Authorization: Bearer 0123456789abcdef"}]}]}]}"#,
    );
    assert_eq!(post(address, "/v1/traces", PROTOBUF, &secret.unwrap()).await.status, 200);
    assert_eq!(post(address, "/v1/traces", PROTOBUF, &spans(3, false)).await.status, 200);
    assert_eq!(files.asked(), 0, "nothing is asked for before there is anything to do");
    world.invoke().await.payload();
    assert!(world.says("with the hash").await.contains(&files.url()));
    world.invoke().await.payload();
    to.wait_for_spans(4, SOON).await.unwrap();
    assert_eq!(files.asked(), 1);
    assert_eq!(post(address, "/v1/traces", PROTOBUF, &spans(2, false)).await.status, 200);
    world.lambda.shutdown(Reason::Spindown).await;
    assert_eq!((to.spans().len(), world.destination.spans().len()), (6, 0));
    let hash = |line: &str, before: &str| line.split(before).nth(1).unwrap()[..16].to_owned();
    let told = hash(&world.says("with the hash").await, "with the hash ");
    assert_eq!(hash(&world.says("shut down").await, "\"config\":\""), told);
    assert!(!to.spans().iter().any(|span| span.span.name.contains("0123456789abcdef")));
}

#[tokio::test]
async fn a_download_that_fails_is_tried_again_and_no_invocation_waits_for_it() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let files = Files::serve(503, "not now");
    let world = world(&files).await;
    let address = world.otlp().await;
    assert_eq!(post(address, "/v1/traces", PROTOBUF, &spans(3, false)).await.status, 200);
    let outcome = world.invoke().await;
    outcome.payload();
    assert!(world.says("cannot be loaded").await.contains("503"));
    assert_eq!(to.spans().len(), 0);
    files.now(200, &file(&to));
    while to.spans().len() < 3 {
        world.invoke().await.payload();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(files.asked(), 2);
}

#[tokio::test]
async fn a_redirection_is_not_followed_and_a_signature_is_not_logged() {
    let files = Files::serve(302, "");
    let world = World::idle(|builder| {
        let url = format!("{}?X-Amz-Signature=0123456789", files.url());
        nothing_of_its_own(builder).env("SPANLAYER_CONFIG", url)
    })
    .await;
    world.invoke().await.payload();
    assert!(world.says("cannot be loaded").await.contains("name the last address"));
    world.lambda.shutdown(Reason::Spindown).await;
    assert!(!world.lambda.output().iter().any(|line| line.text.contains("0123456789")));
}

#[tokio::test]
async fn what_came_in_until_the_end_goes_where_it_says_if_it_says_so_only_then_and_to_the_variables_if_never()
{
    for (status, at_file, at_variable) in [(200, 3, 0), (404, 0, 3)] {
        let to = Destination::start(Mode::Healthy).await.unwrap();
        let files = Files::serve(404, "there is none");
        let world = world(&files).await;
        assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(3, false)).await.status, 200);
        world.invoke().await.payload();
        world.says("cannot be loaded").await;
        files.now(status, &file(&to));
        world.lambda.shutdown(Reason::Spindown).await;
        assert_eq!((to.spans().len(), world.destination.spans().len()), (at_file, at_variable), "{status}");
    }
}

#[tokio::test]
async fn the_last_good_one_counts_where_the_next_is_faulty_or_does_not_come() {
    let to = Destination::start(Mode::Healthy).await.unwrap();
    let files = Files::serve(200, &file(&to));
    let world = world(&files).await;
    world.invoke().await.payload();
    world.says("with the hash").await;
    for (kills, (status, text)) in
        [(200, "exporters: {otlphttp: {endpoint: 7}}"), (500, "")].into_iter().enumerate()
    {
        files.now(status, text);
        world.lambda.kill_extension("spanlayer");
        world.invoke().await;
        world.invoke().await.payload();
        assert_eq!(
            post(world.otlp_of(kills + 2).await, "/v1/traces", PROTOBUF, &spans(2, false)).await.status,
            200
        );
        world.invoke().await.payload();
        world.invoke().await.payload();
        to.wait_for_spans(2 * (kills + 1), SOON).await.unwrap();
    }
    let told = world.log().iter().filter(|line| line.contains("the last good configuration counts")).count();
    assert_eq!(told, 2, "{}", world.log().join("\n"));
    assert_eq!(world.destination.spans().len(), 0);
}
