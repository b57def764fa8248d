//! Workflows, users, logs, devices, stacks, and plain calls.

use super::*;
use std::collections::HashMap;

#[test]
fn a_durable_function_is_told_by_its_execution() {
    let trigger = seen(include_str!("events/durable.json"));
    assert_eq!(trigger.outline(), "Durable function | my-function | Server | other");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.lambda.durable_execution.arn = "arn:aws:lambda:us-east-1:123456789012:function:my-function:7/durable-execution/checkout/0d5f2b1c""#
        ]
    );
}

#[test]
fn a_state_machine_that_hands_on_its_context_is_named() {
    let event = include_str!("events/step_functions.json");
    let trigger = seen(event);
    assert_eq!(trigger.outline(), "Step Functions | my-function | Server | other");
    let listed = [
        r#"aws.step_functions.execution.arn = "arn:aws:states:us-east-1:123456789012:execution:checkout:f3c9a1d2""#,
        r#"aws.step_functions.state.name = "Charge""#,
        "aws.step_functions.state.retry_count = I64(2)",
        r#"aws.step_functions.state_machine.arn = "arn:aws:states:us-east-1:123456789012:stateMachine:checkout""#,
    ];
    assert_eq!(trigger.listed(), listed);
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert_eq!(seen(&format!(r#"{{"context":{event}}}"#)).listed(), listed);
    let other = event.replace("arn:aws:states", "arn:aws:elsewhere");
    assert_eq!(seen(&other).source, "Direct invocation");
}

#[test]
fn a_user_pool_tells_its_trigger_and_never_the_user() {
    let trigger = seen(include_str!("events/cognito.json"));
    assert_eq!(trigger.outline(), "Cognito user pool | my-function | Server | other");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.cognito.trigger_source = "PreSignUp_SignUp""#,
            r#"aws.cognito.user_pool.id = "us-east-1_uXboG5pAb""#,
        ]
    );
}

#[test]
fn log_subscriptions_are_told_apart_without_unpacking_them() {
    let trigger = seen(include_str!("events/cloudwatch_logs.json"));
    assert_eq!(trigger.outline(), "CloudWatch Logs | my-function | Server | other");
    assert!(trigger.attributes.is_empty());
}

#[test]
fn a_custom_resource_tells_its_stack_and_never_where_to_answer() {
    let trigger = seen(include_str!("events/cloudformation.json"));
    assert_eq!(trigger.outline(), "CloudFormation custom resource | my-function | Server | other");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.cloudformation.logical_resource_id = "primerinvoke""#,
            r#"aws.cloudformation.request_type = "Create""#,
            r#"aws.cloudformation.resource_type = "Custom::PrimerInvoke""#,
            r#"aws.cloudformation.stack.id = "arn:aws:cloudformation:us-east-2:123456789012:stack/my-stack/e722b560-86c6-11e8-9d1e-0a1b2c3d4e5f""#,
        ]
    );
}

#[test]
fn a_destination_tells_whose_record_it_is() {
    let trigger = seen(include_str!("events/destination.json"));
    assert_eq!(trigger.outline(), "Lambda destination | my-function | Server | other");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.lambda.destination.condition = "RetriesExhausted""#,
            "aws.lambda.destination.invoke_count = I64(3)",
            r#"aws.lambda.destination.source_arn = "arn:aws:lambda:us-east-2:123456789012:function:worker:$LATEST""#,
        ]
    );
}

#[test]
fn things_are_told_apart_by_the_three_events_that_have_a_shape() {
    for event in [
        include_str!("events/iot_authorizer.json"),
        include_str!("events/iot_button.json"),
        include_str!("events/iot_1_click.json"),
    ] {
        let trigger = seen(event);
        assert_eq!(trigger.outline(), "AWS IoT | my-function | Server | other");
        assert!(trigger.attributes.is_empty());
    }
}

#[test]
fn a_resolver_is_named_by_its_field_alone_and_in_a_batch() {
    let event = include_str!("events/appsync.json");
    for event in [event.to_owned(), format!("[{event},{event}]")] {
        let trigger = seen(&event);
        assert_eq!(trigger.outline(), "AppSync | Query.getPost | Server | http");
        assert_eq!(
            trigger.listed(),
            [
                r#"graphql.operation.type = "query""#,
                r#"server.address = "2ojpkjk2ejb57l7stgad5o4qiq.appsync-api.ap-northeast-1.amazonaws.com""#,
                r#"user_agent.original = "Mozilla/5.0""#,
            ]
        );
        assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    }
    let nested = seen(&event.replace("Query", "Post").replace("getPost", "author"));
    assert_eq!(nested.name, "Post.author");
    assert!(!nested.listed().concat().contains("graphql.operation.type"));
}

#[test]
fn an_authorizer_of_app_sync_is_no_resolver() {
    let trigger = seen(include_str!("events/appsync_authorizer.json"));
    assert_eq!(trigger.outline(), "AppSync | my-function | Server | http");
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert!(trigger.attributes.is_empty(), "least of all the token");
}

#[test]
fn a_direct_call_is_followed_by_its_client_context_then_by_its_payload() {
    let custom = HashMap::from([
        ("Traceparent".to_owned(), TRACEPARENT.replace("331-", "332-")),
        ("baggage".to_owned(), "user=alice".to_owned()),
    ]);
    let event = format!(r#"{{"name":"x","traceparent":"{TRACEPARENT}"}}"#);
    let propagators = Propagators::new(vec![Format::TraceContext, Format::Baggage]);
    let call = |client_context| {
        let invocation = Invocation {
            event: event.as_bytes(),
            function_name: "my-function",
            trace_header: Some(FROM_LAMBDA),
            client_context,
        };
        detect(&invocation, &propagators)
    };
    let with = call(Some(&custom));
    assert_eq!(with.outline(), "Direct invocation | my-function | Server | other");
    assert_eq!(with.parent(), format!("{TRACE}/b7ad6b7169203332"));
    assert_eq!(with.upstream.baggage.as_deref(), Some("user=alice"));
    assert_eq!(call(None).parent(), format!("{TRACE}/{PARENT}"));
}

#[test]
fn lambdas_own_header_is_the_parent_where_traces_go_to_x_ray() {
    for event in ["{}", "null", include_str!("events/s3.json"), include_str!("events/scheduler.json")] {
        assert_eq!(seen(event).parent(), "");
        let trigger = seen_with(event, &[Format::TraceContext, Format::XRayLambda]);
        assert_eq!(trigger.parent(), "67d448e83ae320be0e2cdf2f53ccdaba/aaaaaaaaaaaaaaaa");
    }
}
