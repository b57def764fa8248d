//! The real `lambda_runtime`, in a process of its own: what it tells Lambda about a bare handler, and about the same
//! handler under `#[spanlayer::handler]`.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    pin::Pin,
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::Poll,
    thread,
    time::Duration,
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
use serde_json::Value;
use spanlayer_host::{
    clock,
    vars::{Process, Vars as _},
};
use tracing::Instrument as _;

use crate::{
    overrides::Overrides,
    start::{Main, Movable as _, Pinned as _},
};

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

/// A handler under a macro of `tracing` as well, which sees it as it was written.
#[crate::handler]
#[tracing::instrument(skip_all, fields(id = event.payload.id))]
async fn instrumented(event: LambdaEvent<Order>) -> Answer {
    bare(event).await
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

#[crate::handler]
async fn streaming_traced(event: LambdaEvent<Order>) -> Result<Response<Body>, Error> {
    streaming(event).await
}

/// One whose answer is in its event, or so many bytes long.
#[crate::handler]
async fn answering(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let bytes = event.payload["bytes"].as_u64().unwrap_or(0);
    let long = || "x".repeat(usize::try_from(bytes).unwrap_or(0)).into();
    Ok(event.payload.get("answer").cloned().unwrap_or_else(long))
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

/// One whose spans are begun and ended while many others run; says how many.
async fn interleaved(event: LambdaEvent<Order>) -> Result<(u32, usize), Error> {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    let of = event.payload.id;
    let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
    async {
        tokio::task::yield_now().await;
        tracing::info_span!("inner", of).in_scope(|| ());
        tokio::time::sleep(Duration::from_micros(u64::from(of % 7) * 100)).await;
    }
    .instrument(tracing::info_span!("outer", of))
    .await;
    let task = async move {
        tokio::task::yield_now().await;
        crate::invocation().attribute("of", i64::from(of));
        tracing::info_span!("task", of).in_scope(|| ());
    };
    tokio::spawn(task.in_current_span()).await?;
    RUNNING.fetch_sub(1, Ordering::SeqCst);
    Ok((of, running))
}

/// One that cannot leave its thread.
async fn bound_to_its_thread(event: LambdaEvent<Order>) -> Answer {
    let id = Rc::new(event.payload.id);
    tokio::task::yield_now().await;
    Ok(Order { id: *id })
}

/// Not a test of its own: what [`answers`] starts.
#[test]
#[ignore = "runs in a process that another test starts"]
fn function() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = match Process.get("SPANLAYER_TEST_FUNCTION").as_deref() {
        Some("bare") => runtime.block_on(run(service_fn(bare))),
        Some("traced") => runtime.block_on(run(service_fn(traced))),
        Some("instrumented") => {
            crate::init();
            runtime.block_on(run(service_fn(instrumented)))
        }
        Some("streaming") => runtime.block_on(run(service_fn(streaming))),
        Some("streaming, traced") => runtime.block_on(run(service_fn(streaming_traced))),
        Some("answering") => runtime.block_on(run(service_fn(answering))),
        Some("streaming, wrapped") => runtime.block_on(crate::run(streaming)),
        Some("breaking") => runtime.block_on(run(service_fn(breaking))),
        Some("breaking, wrapped") => runtime.block_on(crate::run(breaking)),
        Some("interleaved") => Main::new(interleaved, Overrides::new()).start(),
        Some("bound to its thread") => Main::new(bound_to_its_thread, Overrides::new()).start(),
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

/// Runs one of the functions against a Runtime API, and returns what it posts for each event.
fn answers(function: &str, world: &World, events: &[&str]) -> Vec<(String, String)> {
    answers_at_once(1, function, world, events, || true)
}

/// The same, with so many events at once; `meanwhile` runs after each answer, and then until it has seen enough: what
/// follows the last answers is lost when the process is killed.
fn answers_at_once(
    concurrency: u32,
    function: &str,
    world: &World,
    events: &[&str],
    mut meanwhile: impl FnMut() -> bool,
) -> Vec<(String, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let api = listener.local_addr().expect("an address").to_string();
    let (events_in, events_out) = mpsc::channel();
    let (posts_in, posts_out) = mpsc::channel();
    events.iter().zip(1..).for_each(|(event, id)| {
        events_in.send((id, (*event).to_owned())).expect("nobody has hung up");
    });
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
            .env("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process"),
    );
    let next = |_: &&str| {
        let answer = posts_out.recv().expect("an answer");
        meanwhile();
        answer
    };
    let answers = events.iter().map(next).collect();
    let by = clock::monotonic() + Duration::from_secs(10);
    while !meanwhile() && clock::monotonic() < by {
        thread::yield_now();
    }
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
    events: &std::sync::Mutex<mpsc::Receiver<(usize, String)>>,
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
            let Ok((id, event)) = events.lock().expect("no panic").recv() else { return };
            format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: {id}\r\nlambda-runtime-deadline-ms: 9999999999999\r\n\
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
    let events = [r#"{"id":3}"#, r#"{"id":0}"#, r#"{"id":1}"#];
    let bare = answers("streaming", &World::deaf(&[]), &events);
    assert!(bare[0].1.ends_with("\0chunk chunk chunk "), "{bare:?}");
    for function in ["streaming, wrapped", "streaming, traced"] {
        let world = World::new();
        assert_eq!(answers(function, &world, &events), bare);
        let received = world.received();
        // The last one's is under way when the process is killed.
        let spans = &received.spans()[..2];
        let of = |span: &super::world::Span, key| span.attribute(key).cloned();
        assert_eq!(of(&spans[0], "spanlayer.response.size_bytes"), Some("18".into()), "{function}");
        assert!(of(&spans[0], "spanlayer.response.first_byte_ms").and_then(|ms| ms.as_f64()) > Some(0.0));
        assert_eq!(of(&spans[1], "spanlayer.response.size_bytes"), Some("0".into()));
        assert_eq!(of(&spans[1], "spanlayer.response.first_byte_ms"), None);
        assert!(spans.iter().all(|span| span.status() == 0));
    }
}

#[test]
fn a_traced_handlers_answer_is_read_before_its_span_ends() {
    let http = |answer: &str| super::outcomes::REQUEST.replacen('{', &format!(r#"{{"answer": {answer},"#), 1);
    let events = [
        http(r#"{"statusCode": 503}"#),
        http(r#"{"statusCode": 404}"#),
        r#"{"Records": [{"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:orders"}],
            "answer": {"batchItemFailures": [{"itemIdentifier": "m-1"}]}}"#
            .to_owned(),
        r#"{"bytes": 6291557}"#.to_owned(),
        "{}".to_owned(),
    ];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let world = World::new();
    let answered = answers("answering", &world, &events);
    assert_eq!(answered[0].1, r#"{"statusCode":503}"#, "and passed on");
    let spans = world.received().spans();
    let of = |at: usize, key| spans[at].attribute(key).cloned();
    assert_eq!(of(0, "http.response.status_code"), Some("503".into()));
    assert_eq!(of(1, "http.response.status_code"), Some("404".into()));
    assert_eq!(of(2, "spanlayer.batch.failures"), Some("1".into()));
    let kinds = [0, 1, 2, 3].map(|at| (spans[at].status(), of(at, "error.type")));
    let failed = |kind: &str| (2, Some(kind.into()));
    assert_eq!(kinds, [failed("503"), (0, None), (0, None), failed("Function.ResponseSizeTooLarge")]);
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
fn another_attributes_span_is_inside_the_invocations() {
    let world = World::new();
    answers("instrumented", &world, &[r#"{"id":7}"#]);
    let received = world.received();
    let child = received.span("instrumented");
    assert!(child.is_child_of(&received.span("orders")));
    assert_eq!(child.attribute("id"), Some(&"7".into()));
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

#[test]
fn of_a_thousand_invocations_at_once_every_span_is_under_its_own() {
    let events: Vec<String> = (0..1000).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let world = World::new();
    let all = RefCell::new(world.received());
    let read = || {
        all.borrow_mut().append(world.received());
        all.borrow().ended.len() == events.len()
    };
    let answers = answers_at_once(8, "interleaved", &world, &events, read);
    let all = all.into_inner();
    let answered: HashMap<&str, (u32, usize)> = answers
        .iter()
        .map(|(path, body)| {
            let id = path.split('/').nth(4).expect("a request id");
            (id, serde_json::from_str(body).expect("an answer"))
        })
        .collect();
    assert_eq!(answered.len(), 1000);
    assert_eq!(answered.values().map(|(_, running)| *running).max(), Some(8), "they overlap");

    let spans = all.spans();
    let mut by_trace: HashMap<&str, Vec<&super::world::Span>> = HashMap::new();
    spans.iter().for_each(|span| by_trace.entry(span.text("traceId")).or_default().push(span));
    assert_eq!((by_trace.len(), spans.len()), (1000, 4000));
    for trace in by_trace.values() {
        let named = |name| *trace.iter().find(|span| span.text("name") == name).expect("one of each");
        let (root, outer) = (named("orders"), named("outer"));
        let request_id = root.attribute("faas.invocation_id").and_then(|id| id.as_str()).expect("an id");
        let of = answered[request_id].0.to_string();
        assert!(trace.iter().all(|span| span.attribute("of") == Some(&of.as_str().into())));
        assert!(outer.is_child_of(root) && named("task").is_child_of(root));
        assert!(named("inner").is_child_of(outer));
    }
    let cold = spans.iter().filter(|span| span.attribute("faas.coldstart") == Some(&true.into()));
    assert_eq!(cold.count(), 1, "workers share a start");
}

#[test]
fn a_handler_that_cannot_leave_its_thread_runs_all_the_same() {
    let world = World::new();
    let answers = answers_at_once(8, "bound to its thread", &world, &[r#"{"id":1}"#, r#"{"id":2}"#], || true);
    assert_eq!(answers[1].1, r#"{"id":2}"#);
    assert!(!world.received().spans().is_empty());
}
