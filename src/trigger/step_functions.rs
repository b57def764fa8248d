//! Step Functions tasks that hand on the context object (`"Execution.$": "$$.Execution"`, and so on), at the top level
//! or as a whole under one name. A task that does not cannot be told from any other direct invocation.

use super::{
    Event, Found, Source,
    arn::Arn,
    attributes::Attributes,
    carriers::{Chain, Fields},
    skim::Object,
};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "Step Functions",
    detected_by: "`Execution.Id` an ARN of `states`, and `State` or `StateMachine`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let nested = || WRAPPERS.iter().find_map(|name| context(event.root.object(name)?));
    let context = context(event.root).or_else(nested)?;
    Some(Found {
        attributes: context,
        upstream: Some(event.upstream(&Chain(&[&Fields(event.root)]))),
        ..Found::default()
    })
}

/// Reads the context object, if this is one.
fn context(object: Object<'_, '_>) -> Option<Attributes> {
    let execution = object.object("Execution")?;
    let id = execution.text("Id")?;
    Arn::parse(&id).filter(|arn| arn.service == "states")?;
    let (state, machine) = (object.object("State"), object.object("StateMachine"));
    if state.is_none() && machine.is_none() {
        return None;
    }
    let mut attributes = Attributes::new();
    attributes.text("aws.step_functions.state_machine.arn", machine.and_then(|machine| machine.text("Id")));
    attributes.text("aws.step_functions.execution.arn", Some(&id));
    if let Some(state) = state {
        attributes.text("aws.step_functions.state.name", state.text("Name"));
        attributes.integer(
            "aws.step_functions.state.retry_count",
            state.get("RetryCount").and_then(|n| n.integer()),
        );
    }
    Some(attributes)
}

/// Names under which state machines commonly put the context object as a whole.
const WRAPPERS: [&str; 3] = ["context", "Context", "_datadog"];
