//! The real `lambda_runtime`, in a process of its own: what it tells Lambda about a bare handler, and about the same
//! handler under `#[spanlayer::handler]`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    pin::Pin,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    task::Poll,
    thread,
};

use futures_core::Stream;
use lambda_runtime::{
    Error, LambdaEvent, run, service_fn,
    streaming::{Body, Response, channel},
};
use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use serde::{Deserialize, Serialize};
use spanlayer_host::vars::{Process, Vars as _};

use tracing::Instrument as _;

use super::world::{World, attribute};

#[derive(Debug, Deserialize, Serialize)]
struct Order {
    id: u32,
}

/// A handler as users write it: with a `Result` of their own name, and an argument taken apart.
type Answer = Result<Order, Error>;

async fn bare(LambdaEvent { payload: Order { id }, .. }: LambdaEvent<Order>) -> Answer {
    match id {
        0 => Err("no such order".into()),
        13 => panic!("the shelf fell down"),
        id => Ok(Order { id }),
    }
}

#[crate::handler]
async fn traced(LambdaEvent { payload: Order { id }, .. }: LambdaEvent<Order>) -> Answer {
    bare(LambdaEvent::new(Order { id }, lambda_runtime::Context::default())).await
}

/// A handler whose answer is still being made when it returns.
async fn streaming(event: LambdaEvent<Order>) -> Result<Response<Body>, Error> {
    let (mut sender, body) = channel();
    let produce = async move {
        for _ in 0..event.payload.id {
            sender.send_data("chunk ".into()).await?;
        }
        Ok::<_, Error>(())
    };
    tokio::spawn(produce.in_current_span());
    let mut response = Response::from(body);
    response.metadata_prelude.status_code = http::StatusCode::IM_A_TEAPOT;
    Ok(response)
}

/// One whose stream does things of its own, and breaks off in the end.
async fn breaking(event: LambdaEvent<Order>) -> Result<Response<Breaking>, Error> {
    Ok(Response::from(Breaking(event.payload.id)))
}

struct Breaking(u32);

impl Stream for Breaking {
    type Item = Result<&'static str, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        tracing::info_span!("fetch").in_scope(|| ());
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        match left {
            Some(0) => Poll::Ready(Some(Err(std::io::Error::other("the source dried up")))),
            Some(_) => Poll::Ready(Some(Ok("drop "))),
            None => Poll::Ready(None),
        }
    }
}

/// Not a test of its own: what [`answers`] starts.
#[test]
#[ignore = "runs in a process that another test starts"]
fn function() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = match Process.get("SPANLAYER_TEST_FUNCTION").as_deref() {
        Some("bare") => runtime.block_on(run(service_fn(bare))),
        Some("traced") => runtime.block_on(run(service_fn(traced))),
        Some("streaming") => runtime.block_on(run(service_fn(streaming))),
        Some("streaming, wrapped") => runtime.block_on(crate::run(streaming)),
        Some("breaking") => runtime.block_on(run(service_fn(breaking))),
        Some("breaking, wrapped") => runtime.block_on(crate::run(breaking)),
        Some("with a provider of its own") => {
            let resource =
                Resource::builder_empty().with_attribute(KeyValue::new("service.name", "theirs")).build();
            let provider = SdkTracerProvider::builder()
                .with_resource(resource)
                .with_sampler(Sampler::AlwaysOn)
                .with_span_processor(crate::span_processor())
                .build();
            opentelemetry::global::set_tracer_provider(provider);
            runtime.block_on(crate::run(bare))
        }
        _ => return,
    };
    ended.expect("it runs until it is killed");
}

/// Runs one of the functions against a Runtime API, and returns what it posts for each event, request ids left out.
fn answers(function: &str, world: &World, events: &[&'static str]) -> Vec<(String, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let api = listener.local_addr().expect("an address").to_string();
    let (events_in, events_out) = mpsc::channel();
    let (posts_in, posts_out) = mpsc::channel();
    events.iter().for_each(|event| events_in.send(*event).expect("nobody has hung up"));
    let events_out = Arc::new(std::sync::Mutex::new(events_out));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (events, posts) = (Arc::clone(&events_out), posts_in.clone());
            thread::spawn(move || serve(stream.expect("a connection"), &events, &posts));
        }
    });
    let mut child = Running(
        Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "tests::runtime::function", "--ignored"])
            .env("SPANLAYER_TEST_FUNCTION", function)
            .env("SPANLAYER_STATE_DIR", world.directory())
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .env("AWS_LAMBDA_FUNCTION_NAME", "orders")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "7")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process"),
    );
    let answers = events.iter().map(|_| posts_out.recv().expect("an answer")).collect();
    child.0.kill().expect("it still runs");
    answers
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One connection to the Runtime API. Without an event left, `next` is never answered.
fn serve(
    stream: TcpStream,
    events: &std::sync::Mutex<mpsc::Receiver<&'static str>>,
    posts: &mpsc::Sender<(String, String)>,
) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second end"));
    let mut stream = stream;
    loop {
        let mut head = Vec::new();
        while let Some(Ok(line)) =
            reader.by_ref().lines().next().filter(|line| !matches!(line, Ok(l) if l.is_empty()))
        {
            head.push(line);
        }
        let Some(request) = head.first() else { return };
        let length = head
            .iter()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("the whole body");
        if head.iter().any(|line| line.eq_ignore_ascii_case("transfer-encoding: chunked")) {
            body = chunks(&mut reader);
        }
        let answer = if request.starts_with("GET") {
            let Ok(event) = events.lock().expect("no panic").recv() else { return };
            format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 7\r\nlambda-runtime-deadline-ms: 9999999999999\r\n\
                 content-length: {}\r\n\r\n{event}",
                event.len(),
            )
        } else {
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = posts.send((path, String::from_utf8(body).expect("text")));
            "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        stream.write_all(answer.as_bytes()).expect("a function that listens");
    }
}

/// A body of unknown length.
fn chunks(reader: &mut BufReader<TcpStream>) -> Vec<u8> {
    fn line(reader: &mut BufReader<TcpStream>) -> String {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(reader), 16).expect("a length");
        if length == 0 {
            break;
        }
        let mut chunk = vec![0; length];
        reader.read_exact(&mut chunk).expect("a chunk");
        body.append(&mut chunk);
        line(reader);
    }
    while !line(reader).is_empty() {} // trailers
    body
}

#[test]
fn a_streamed_response_is_the_bare_handlers_and_its_span_lasts_until_its_end() {
    let world = World::new();
    let events = [r#"{"id":3}"#, r#"{"id":0}"#, r#"{"id":1}"#];
    let wrapped = answers("streaming, wrapped", &world, &events);
    assert_eq!(wrapped, answers("streaming", &World::deaf(&[]), &events));
    assert!(wrapped[0].1.ends_with("\0chunk chunk chunk "), "{wrapped:?}");
    let received = world.received();
    // The last one's is under way when the process is killed.
    let spans = &received.spans()[..2];
    let of = |span: &super::world::Span, key| span.attribute(key).cloned();
    assert_eq!(of(&spans[0], "spanlayer.response.size_bytes"), Some("18".into()));
    assert!(of(&spans[0], "spanlayer.response.first_byte_ms").and_then(|ms| ms.as_f64()) > Some(0.0));
    assert_eq!(of(&spans[1], "spanlayer.response.size_bytes"), Some("0".into()));
    assert_eq!(of(&spans[1], "spanlayer.response.first_byte_ms"), None);
    assert!(spans.iter().all(|span| span.status() == 0));
}

#[test]
fn what_a_stream_does_belongs_to_its_invocation_and_so_does_its_failure() {
    let world = World::new();
    let events = [r#"{"id":3}"#, r#"{"id":0}"#];
    assert_eq!(
        answers("breaking, wrapped", &world, &events),
        answers("breaking", &World::deaf(&[]), &events)
    );
    let received = world.received();
    let spans = received.spans();
    let failed = spans.iter().find(|span| span.status() == 2).expect("a failed invocation");
    assert_eq!(failed.attribute("error.type"), Some(&"Runtime.StreamError".into()));
    assert_eq!(failed.attribute("spanlayer.response.size_bytes"), Some(&"10".into()));
    let fetched = spans.iter().filter(|span| span.is_child_of(failed)).count();
    assert_eq!(fetched, 4, "two chunks, an error, and the end");
}

#[test]
fn a_traced_handler_is_answered_for_as_a_bare_one_and_has_one_span_each() {
    let events = [r#"{"id":7}"#, r#"{"id":0}"#, r#"{"id":13}"#, r#"{"id":"seven"}"#, r#"{"ID":7}"#, "[]"];
    let world = World::new();
    let traced = answers("traced", &world, &events);
    assert_eq!(traced, answers("bare", &World::deaf(&[]), &events));
    assert!(traced[3].1.contains("DeserializeError"), "{traced:?}");

    let received = world.received();
    let kinds: Vec<_> = received.spans().iter().map(|span| span.attribute("error.type").cloned()).collect();
    let unreadable = serde_json::json!(crate::failure::DESERIALIZE_ERROR);
    assert_eq!(kinds[0], None);
    assert_eq!(kinds[2], Some("panic".into()));
    assert_eq!(kinds[3..], [Some(unreadable.clone()), Some(unreadable.clone()), Some(unreadable)]);
    assert!(received.spans().iter().all(|span| span.text("name") == "orders"));
    assert_eq!(received.ended.len(), events.len());
}

#[test]
fn a_tracer_provider_that_was_there_first_is_used_and_its_resource_completed() {
    let world = World::new();
    // The second answer is given after the first invocation's spans were sent.
    answers("with a provider of its own", &world, &[r#"{"id":7}"#, r#"{"id":8}"#]);
    let received = world.received();
    let resource = &received.requests[0]["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), Some(&"theirs".into()));
    assert_eq!(attribute(resource, "faas.name"), Some(&"orders".into()));
    assert_eq!(attribute(resource, "telemetry.sdk.language"), Some(&"rust".into()));
    assert!(attribute(resource, "service.instance.id").is_some());
}
