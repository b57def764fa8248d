//! The running invocation, as code inside the handler can speak of it.

use std::{borrow::Cow, sync::Arc};

use opentelemetry::{Key, KeyValue, Value};

use crate::{
    overrides::{Overrides, Trigger},
    report::Report,
};

/// The invocation that the current code runs in, to say more about it than its event does.
///
/// ```no_run
/// # use spanlayer::{Error, LambdaEvent};
/// async fn handler(event: LambdaEvent<String>) -> Result<String, Error> {
///     spanlayer::invocation().name("place order").attribute("order.items", 3);
///     Ok(event.payload)
/// }
/// ```
///
/// Works wherever the invocation's context is current: in the handler and everything it awaits, and in tasks and threads
/// that were given the current span (`.in_current_span()`) where the default subscriber, or [`tracing_layer`] in your own,
/// is installed. Elsewhere the handle [refers to nothing](Handle::is_none), and what it is told goes nowhere.
///
/// [`tracing_layer`]: crate::tracing_layer
pub fn invocation() -> Handle {
    Handle { report: Report::current() }
}

/// A handle on a running invocation. The last word counts, over the attribute's arguments and the event; what comes after
/// the invocation was answered is too late.
#[derive(Clone, Debug)]
pub struct Handle {
    report: Option<Arc<Report>>,
}

impl Handle {
    /// Whether there is no invocation here, or nothing is recorded.
    pub fn is_none(&self) -> bool {
        self.report.is_none()
    }

    /// Names the span. Names are to be few: what the function does, not what to.
    pub fn name(&self, name: impl Into<Cow<'static, str>>) -> &Self {
        self.say(|overrides| overrides.set_name(name.into()))
    }

    /// Sets an attribute of the span, over one of the event's.
    pub fn attribute(&self, key: impl Into<Key>, value: impl Into<Value>) -> &Self {
        self.say(|overrides| overrides.set(KeyValue::new(key, value)))
    }

    /// Says what invoked the function (`faas.trigger`).
    pub fn trigger(&self, trigger: Trigger) -> &Self {
        self.attribute("faas.trigger", trigger.as_str())
    }

    /// Says which pattern the request's path matched (`http.route`), as routers know: `/orders/{id}`. Names the span
    /// `{method} {route}`, unless [`name`](Self::name) does.
    pub fn route(&self, route: impl Into<String>) -> &Self {
        self.say(|overrides| overrides.set_route(route.into()))
    }

    /// Fails the invocation's span in this way (`error.type`), whatever the handler answers; for Lambda, and so for its
    /// metrics, the answer is what counts. A type is one of few: `card_declined`, not the message.
    pub fn error_type(&self, kind: impl Into<Cow<'static, str>>) -> &Self {
        self.say(|overrides| overrides.set_error_type(kind.into()))
    }

    fn say(&self, what: impl FnOnce(&mut Overrides)) -> &Self {
        if let Some(report) = &self.report {
            report.overrule(what);
        }
        self
    }
}
