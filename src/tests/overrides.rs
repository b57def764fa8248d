//! What the user says of an invocation, over what its event says.

use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};

use super::{outcomes::REQUEST, world::World};
use crate::{LambdaEvent as Event, RawEvent, Trigger, invocation, overrides::Overrides};

async fn answer(_: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({"statusCode": 200}))
}

#[tokio::test]
async fn the_layers_word_counts_over_the_events_from_the_start() {
    let mut world = World::new();
    world.overrides = Overrides::new()
        .name("place order")
        .trigger(Trigger::Pubsub)
        .attribute("team", "shop")
        .attribute("url.path", "/hidden");
    world.invoke(answer, REQUEST).await.expect("an answer");
    let received = world.received();
    let span = received.span("place order");
    assert_eq!(span.attributes("faas.trigger"), [&json!("pubsub")]);
    assert_eq!(span.attributes("team"), [&json!("shop")]);
    assert_eq!(span.attributes("url.path"), [&json!("/hidden")], "one value, and the user's");
    assert_eq!(span.attributes("http.route"), [&json!("/orders/{id}")], "the rest stays");
    // What the extension would make the span of says the same.
    assert_eq!(received.started[0].name, "place order");
    assert!(received.started[0].attributes.windows(6).any(|window| window == b"pubsub"));
}

#[tokio::test]
async fn the_handlers_word_counts_over_the_layers_and_from_wherever_it_is_said() {
    for subscribed in [true, false] {
        let mut world = World::new();
        world.overrides = Overrides::new().name("layer").attribute("team", "layer");
        let _subscribed = subscribed.then(|| world.subscribe());
        let handler = |_: LambdaEvent<Value>| async {
            tracing::info_span!("inside").in_scope(|| {
                invocation().name("handler").trigger(Trigger::Timer);
            });
            tokio::task::yield_now().await;
            invocation().attribute("team", "first").attribute("team", "second").attribute("n", 3);
            Ok::<_, Error>(json!({"statusCode": 200}))
        };
        world.invoke(handler, REQUEST).await.expect("an answer");
        let span = world.received().span("handler");
        assert_eq!(span.attributes("team"), [&json!("second")]);
        assert_eq!(span.attributes("n"), [&json!("3")]);
        assert_eq!(span.attributes("faas.trigger"), [&json!("timer")]);
        assert_eq!(span.status(), 0);
    }
}

#[tokio::test]
async fn a_route_names_the_span_with_the_requests_method() {
    let world = World::new();
    let handler = |_: LambdaEvent<Value>| async {
        invocation().route("/{shop}/orders/{id}");
        Ok::<_, Error>(json!({"statusCode": 200}))
    };
    world.invoke(handler, REQUEST).await.expect("an answer");
    let span = world.received().span("GET /{shop}/orders/{id}");
    assert_eq!(span.attributes("http.route"), [&json!("/{shop}/orders/{id}")]);
    world.invoke(handler, &REQUEST.replace("GET", "BREW")).await.expect("an answer");
    world.received().span("HTTP /{shop}/orders/{id}");
    world.invoke(handler, "{}").await.expect("an answer");
    world.received().span("/{shop}/orders/{id}");
}

#[tokio::test]
async fn an_error_type_fails_the_invocation_whatever_it_answers() {
    for answer in [Ok(json!({"statusCode": 500})), Ok(json!({"statusCode": 200})), Err(Error::from("no"))] {
        let world = World::new();
        let mut answer = Some(answer);
        let handler = |_: LambdaEvent<Value>| {
            invocation().error_type("card_declined");
            let answer = answer.take().expect("once");
            async { answer }
        };
        let _ = world.invoke(handler, REQUEST).await;
        let received = world.received();
        let span = received.span("GET /orders/{id}");
        assert_eq!(span.status(), 2);
        assert_eq!(span.attributes("error.type"), [&json!("card_declined")]);
        assert!(received.ended[0].error);
    }
}

const KIND: &str = "wholesale";

#[crate::handler(name = "place order", trigger = "datasource", attributes(order.kind = KIND, "app-tier" = 2, paid = true))]
async fn attributed(event: Event<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

#[tokio::test]
async fn the_attributes_arguments_are_said_of_the_invocation() {
    let world = World::new();
    let handler =
        |event: LambdaEvent<RawEvent>| async { attributed(event).await.map(crate::Reply::into_inner) };
    world.invoke(handler, "{}").await.expect("an answer");
    let span = world.received().span("place order");
    assert_eq!(span.attributes("faas.trigger"), [&json!("datasource")]);
    assert_eq!(span.attributes("order.kind"), [&json!("wholesale")]);
    assert_eq!(span.attributes("app-tier"), [&json!("2")]);
    assert_eq!(span.attributes("paid"), [&json!(true)]);
}

#[tokio::test]
async fn outside_an_invocation_nothing_is_said_of_anything() {
    let nowhere = invocation();
    assert!(nowhere.is_none());
    nowhere.name("nobody").attribute("a", 1).error_type("none");
    let world = World::new();
    let handler = |_: LambdaEvent<Value>| async { Ok::<_, Error>(invocation().is_none()) };
    assert_eq!(world.invoke(handler, "{}").await, Ok(json!(false)));
    world.received().span("orders");
}
