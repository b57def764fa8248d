//! `filter`.

use spanlayer_pipeline::{
    Signal,
    stages::{
        ottl::{Condition, Context},
        stage::{Filter, Select, Stage},
    },
};

use super::{Maker, on_error, transform::inferred};
use crate::{
    components::CONDITIONS,
    options::section::Section,
    yaml::{Node, Value},
};

/// Options that hold conditions, and what those are about.
type Lists = &'static [(&'static str, Context)];

/// Where conditions stand, and what they are about.
const LISTS: [(&str, Signal, Lists); 3] = [
    (
        "traces",
        Signal::Traces,
        &[("resource", Context::Resource), ("span", Context::Span), ("spanevent", Context::SpanEvent)],
    ),
    (
        "metrics",
        Signal::Metrics,
        &[("resource", Context::Resource), ("metric", Context::Metric), ("datapoint", Context::DataPoint)],
    ),
    ("logs", Signal::Logs, &[("resource", Context::Resource), ("log_record", Context::Log)]),
];

impl Maker<'_> {
    pub(super) fn filter(&mut self, section: Section<'_>) -> Option<Stage> {
        let (mut conditions, before) = (Vec::new(), self.problems.len());
        for (name, signal, lists) in LISTS {
            for (list, context) in lists {
                let option = format!("{name}::{list}");
                let found = self.conditions(section.section(name).node(list), *context, &option);
                conditions.extend(found.into_iter().map(|condition| (signal, condition)));
            }
        }
        for (name, signal) in [
            ("trace_conditions", Signal::Traces),
            ("metric_conditions", Signal::Metrics),
            ("log_conditions", Signal::Logs),
        ] {
            for node in section.node(name).map(Node::items).unwrap_or_default() {
                let found = self.free(node, signal, name);
                conditions.extend(found.into_iter().map(|condition| (signal, condition)));
            }
        }
        let spans = section.section("spans");
        let spans = spans.node.map(|_| self.select(spans)).filter(|select| !Select::is_everything(select));
        if conditions.is_empty() && spans.is_none() && self.problems.len() == before {
            let remedy = "add `traces: {span: ['…']}`, or metrics or logs";
            self.wrong(section.at(""), "", "no condition says what is left out", remedy);
        }
        Some(Stage::Filter(Filter { conditions, spans, on_error: on_error(section) }))
    }

    /// Conditions that leave it open what they are about: a text, or a list with a `context`.
    fn free(&mut self, node: &Node, signal: Signal, option: &str) -> Vec<Condition> {
        if !matches!(node.value, Value::Map(_)) {
            let Some(text) = self.known(node, option) else { return Vec::new() };
            let context = inferred(&[text], signal);
            return self.condition(node, text, context, option).into_iter().collect();
        }
        self.checked(CONDITIONS, node, option);
        let list = node.get("conditions");
        let Some(context) = self.context(node, list, signal, option) else { return Vec::new() };
        self.conditions(list, context, option)
    }
}
