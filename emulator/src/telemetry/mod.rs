//! The platform's telemetry: events are generated once, and delivered to each extension as it subscribed.
//!
//! ```text
//! event ──▶ hub ──▶ per subscription: filter ▸ buffer (items, bytes, time) ▸ POST ▸ retry
//! ```

pub(crate) mod deliver;
pub(crate) mod events;
mod subscription;

pub(crate) use subscription::Subscription;

use crate::time::iso;
use deliver::Item;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
};

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Platform,
    Function,
    Extension,
}

impl Category {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Function => "function",
            Self::Extension => "extension",
        }
    }
}

/// One event, before it takes the form of a subscription's schema.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) time: String,
    pub(crate) category: Category,
    /// The event's type; for log lines the category's name.
    pub(crate) kind: &'static str,
    pub(crate) record: Value,
}

impl Entry {
    /// The event as JSON. Log lines that are JSON objects stay text for the first schema version.
    pub(crate) fn render(&self, lines_as_objects: bool) -> Value {
        let record = match &self.record {
            Value::String(line) if lines_as_objects && self.category != Category::Platform => {
                let parsed = serde_json::from_str(line).ok().filter(Value::is_object);
                parsed.unwrap_or_else(|| self.record.clone())
            }
            other => other.clone(),
        };
        json!({ "time": self.time, "type": self.kind, "record": record })
    }
}

/// Takes events and passes them on to who subscribed.
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    /// Whether deliveries may go out: not while the environment is frozen.
    gate: watch::Sender<bool>,
    json_logs: bool,
}

#[derive(Default)]
struct Inner {
    /// What happened before subscriptions closed: whoever subscribes late in the init still gets the start of it.
    early: Vec<Arc<Entry>>,
    open: bool,
    subscribers: Vec<Subscriber>,
}

struct Subscriber {
    extension: String,
    categories: Vec<Category>,
    events: mpsc::UnboundedSender<Item>,
    task: AbortHandle,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hub {
    pub(crate) fn new(json_logs: bool) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), gate: watch::channel(true).0, json_logs })
    }

    /// Forgets all subscriptions, and begins to remember events for the next ones.
    pub(crate) fn reset(&self) {
        let mut inner = self.lock();
        *inner = Inner { open: true, ..Inner::default() };
        drop(inner);
        self.gate.send_replace(true);
    }

    /// No more subscriptions.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.open = false;
        inner.early = Vec::new();
    }

    /// Whether anybody listens, or may come to.
    pub(crate) fn wanted(&self) -> bool {
        let inner = self.lock();
        inner.open || !inner.subscribers.is_empty()
    }

    pub(crate) fn emit(&self, category: Category, kind: &'static str, record: Value) {
        self.emit_at(spanlayer_host::clock::unix(), category, kind, record);
    }

    pub(crate) fn emit_at(
        &self,
        at: std::time::Duration,
        category: Category,
        kind: &'static str,
        record: Value,
    ) {
        let mut inner = self.lock();
        if !inner.open && inner.subscribers.is_empty() {
            return;
        }
        let entry = Arc::new(Entry { time: iso(at), category, kind, record });
        for subscriber in inner.subscribers.iter().filter(|s| s.categories.contains(&category)) {
            let _ = subscriber.events.send(Item::Event(entry.clone()));
        }
        if inner.open {
            inner.early.push(entry);
        }
    }

    /// Adds a subscription, in place of the extension's last.
    pub(crate) fn subscribe(self: &Arc<Self>, extension: &str, subscription: Subscription) {
        let (events, receiver) = mpsc::unbounded_channel();
        let categories = subscription.categories.clone();
        let lines_as_objects = self.json_logs && subscription.schema != "2022-07-01";
        let task = deliver::run(
            subscription,
            lines_as_objects,
            receiver,
            self.gate.subscribe(),
            Arc::downgrade(self),
        );
        let task = tokio::spawn(task).abort_handle();
        let mut inner = self.lock();
        for entry in inner.early.iter().filter(|entry| categories.contains(&entry.category)) {
            let _ = events.send(Item::Event(entry.clone()));
        }
        inner.subscribers.retain(|subscriber| subscriber.extension != extension);
        inner.subscribers.push(Subscriber { extension: extension.to_owned(), categories, events, task });
    }

    /// Holds deliveries back, or lets them go.
    pub(crate) fn hold(&self, hold: bool) {
        self.gate.send_if_modified(|open| std::mem::replace(open, !hold) == hold);
    }

    /// Sends what is buffered now, whatever the subscriptions' times say; answers when it is delivered or given up.
    pub(crate) fn flush(&self) -> Vec<oneshot::Receiver<()>> {
        let inner = self.lock();
        let flush = |subscriber: &Subscriber| {
            let (done, flushed) = oneshot::channel();
            let _ = subscriber.events.send(Item::Flush(done));
            flushed
        };
        inner.subscribers.iter().map(flush).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
