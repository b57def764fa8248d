//! What a function leaves behind if it dies now: read from its journal, which nobody was woken by.

use std::{cell::RefCell, fs, future::Future as _, task::Poll};

use lambda_runtime::{Error, LambdaEvent};
use opentelemetry::trace::{Span as _, Tracer as _};
use serde_json::Value;
use spanlayer_link::{Frame, Testament};

use super::world::{Received, World};

async fn echo(event: LambdaEvent<String>) -> Result<String, Error> {
    Ok(event.payload)
}

impl World {
    /// What the extension would find, were the function dead: by kind.
    fn left(&self) -> Received {
        let mut left = Testament::left_in(self.directory(), "");
        assert_eq!(left.len(), 1, "one journal a process");
        let mut received = Received::default();
        received.sort(left.remove(0).read().expect("a journal"));
        received
    }
}

#[tokio::test]
async fn while_a_handler_runs_its_beginning_and_its_spans_are_kept_and_nobody_is_woken() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let kept = RefCell::new(Received::default());
    let handler = |_: LambdaEvent<Value>| async {
        assert!(matches!(&world.frames()[..], [Frame::Hello(_)]), "once a connection");
        assert_eq!(world.left().started.len(), 1);
        tracing::info_span!("first").in_scope(|| ());
        let _open = tracing::info_span!("second").entered();
        tracing::info_span!("third").in_scope(|| ());
        *kept.borrow_mut() = world.left();
        assert!(world.frames().is_empty());
        Ok::<_, Error>(())
    };
    world.invoke(handler, "{}").await.expect("an answer");
    let kept = kept.into_inner();
    let ended: Vec<_> = kept.spans().iter().map(|span| span.text("name").to_owned()).collect();
    assert_eq!(ended, ["first", "third"]);
    let open = kept.unfinished.last().expect("what is open");
    let open = super::unfinished::spans(open);
    assert_eq!(open.len(), 1);
    assert!(kept.span("third").is_child_of(&open[0]), "none is an orphan");
    let root = world.received();
    assert_eq!(root.started[0], kept.started[0]);
    let root = root.span("orders");
    assert!(kept.span("first").is_child_of(&root) && open[0].is_child_of(&root));
}

#[tokio::test]
async fn what_was_sent_is_kept_no_more() {
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    for _ in 0..3 {
        let handler = |_: LambdaEvent<Value>| {
            let left = world.left();
            assert_eq!((left.started.len(), left.spans().len()), (1, 0), "nothing of the last one");
            tracer.start("step").end();
            async { Ok::<_, Error>(()) }
        };
        world.invoke(handler, "{}").await.expect("an answer");
        let left = world.left();
        assert_eq!((left.hellos, left.started.len(), left.spans().len()), (1, 0, 0));
        assert_eq!(world.received().spans().len(), 2);
    }
}

#[tokio::test]
async fn what_was_sent_is_said_to_be_before_it_is_taken_back() {
    const COPY: &str = "journal-c0de";
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    let handler = |_: LambdaEvent<Value>| {
        tracer.start("step").end();
        // As it is found if the function dies right after sending.
        let names = fs::read_dir(world.directory()).expect("a directory").flatten();
        let journal =
            names.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("journal-"));
        fs::copy(journal.expect("a journal"), world.directory().join(COPY)).expect("a copy");
        async { Ok::<_, Error>(()) }
    };
    world.invoke(handler, "{}").await.expect("an answer");
    let frames = world.frames();
    let Some(Frame::Said(mark)) = frames.last() else { panic!("{frames:?}") };
    let mut copy = Testament::open(world.directory(), COPY).expect("the copy");
    assert!(copy.read().expect("frames").len() >= 3, "hello, started, step");
    copy.said(*mark);
    assert_eq!(copy.read().expect("frames").len(), 1, "the hello");
}

#[tokio::test]
async fn what_is_open_is_kept_when_the_handler_waits() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let waits = |_: LambdaEvent<Value>| async {
        let query = tracing::info_span!("query");
        tracing::Instrument::instrument(tokio::task::yield_now(), query).await;
        Ok::<_, Error>(())
    };
    let handled = world.invoke(waits, "{}");
    let mut handled = std::pin::pin!(handled);
    let polled = std::future::poll_fn(|cx| Poll::Ready(handled.as_mut().poll(cx).is_pending()));
    assert!(polled.await);
    let left = world.left();
    let open = super::unfinished::spans(&left.unfinished[0]);
    assert_eq!(open[0].text("name"), "query");
    handled.await.expect("an answer");
}

#[tokio::test]
async fn however_many_spans_there_are_all_but_the_last_few_are_kept() {
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    let handler = |_: LambdaEvent<Value>| {
        let mut sent = 0;
        for made in 1..=2000 {
            tracer.start("step").end();
            if made % 100 == 0 {
                sent += world.received().spans().len();
                let kept = world.left().spans().len();
                assert!((made - 16..=made).contains(&(sent + kept)), "{sent} and {kept} of {made}");
            }
        }
        async { Ok::<_, Error>(()) }
    };
    world.invoke(handler, "{}").await.expect("an answer");
}

#[tokio::test]
async fn spans_of_which_hundreds_are_open_at_once_are_kept_with_their_parents() {
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    let handler = |_: LambdaEvent<Value>| {
        let mut open: Vec<_> = (0..500).map(|_| tracer.start("request")).collect();
        while let Some(mut span) = open.pop() {
            span.end();
        }
        let left = world.left();
        let ended = left.spans();
        let open = left.unfinished.last().map(super::unfinished::spans).unwrap_or_default();
        let twice =
            open.iter().filter(|open| ended.iter().any(|ended| ended.text("spanId") == open.text("spanId")));
        assert_eq!(twice.count(), 0, "what has ended is not open");
        async { Ok::<_, Error>(()) }
    };
    world.invoke(handler, "{}").await.expect("an answer");
}

#[tokio::test]
async fn a_function_that_empties_its_directory_is_served_as_before() {
    let mut world = World::new();
    world.invoke(echo, r#""1""#).await.expect("an answer");
    world.received();
    for file in fs::read_dir(world.directory()).expect("a directory").flatten() {
        fs::remove_file(file.path()).expect("a file");
    }
    world.invoke(echo, r#""2""#).await.expect("an answer");
    assert_eq!(world.received().spans().len(), 1, "over the connection that there is");
    world.listen_again();
}
