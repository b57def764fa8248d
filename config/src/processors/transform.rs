//! `transform`.

use spanlayer_pipeline::{
    Signal,
    stages::{
        ottl::{self, Context, Statement},
        stage::{Group, OnError, Stage, Transform},
    },
};

use super::{Maker, error_mode, on_error};
use crate::{
    components::STATEMENTS,
    options::{listed, section::Section},
    suggest,
    yaml::{Node, Value},
};

/// What a text is about that leaves it open: the innermost of what its paths name.
pub(super) fn inferred(texts: &[&str], signal: Signal) -> Context {
    let named = texts.iter().flat_map(|text| ottl::contexts(text)).filter(|context| context.is_of(signal));
    named.max().unwrap_or(match signal {
        Signal::Traces => Context::Span,
        Signal::Metrics => Context::DataPoint,
        Signal::Logs => Context::Log,
    })
}

impl Maker<'_> {
    pub(super) fn transform(&mut self, section: Section<'_>) -> Option<Stage> {
        let (mut groups, before) = (Vec::new(), self.problems.len());
        for (name, signal) in [
            ("trace_statements", Signal::Traces),
            ("metric_statements", Signal::Metrics),
            ("log_statements", Signal::Logs),
        ] {
            let Some(list) = section.node(name) else { continue };
            if !matches!(list.value, Value::List(_)) {
                self.wrong(
                    list.at,
                    name,
                    "a list is expected here",
                    "write each statement on a line, after `- `",
                );
            }
            for node in list.items() {
                groups.extend(self.group(node, signal, name, on_error(section)));
            }
        }
        if groups.is_empty() && self.problems.len() == before {
            let remedy =
                "add `trace_statements: ['set(span.name, \"…\")']`, or metric_statements or log_statements";
            self.wrong(section.at(""), "", "there are no statements", remedy);
        }
        Some(Stage::Transform(Transform { groups }))
    }

    /// One statement, or several with a `context`.
    fn group(&mut self, node: &Node, signal: Signal, option: &str, on_error: OnError) -> Option<Group> {
        if !matches!(node.value, Value::Map(_)) {
            let context = inferred(&[self.known(node, option)?], signal);
            let statements = self.statement(node, context, option).into_iter().collect();
            return Some(Group { signal, context, conditions: Vec::new(), statements, on_error });
        }
        self.checked(STATEMENTS, node, option);
        let Some(list) = node.get("statements").filter(|list| !list.items().is_empty()) else {
            self.wrong(node.at, option, "`statements` is missing", "add `statements: ['…']`");
            return None;
        };
        let context = self.context(node, Some(list), signal, option)?;
        let conditions = self.conditions(node.get("conditions"), context, option);
        let statements =
            list.items().iter().filter_map(|node| self.statement(node, context, option)).collect();
        let on_error = error_mode(Section::new(STATEMENTS, Some(node))).unwrap_or(on_error);
        Some(Group { signal, context, conditions, statements, on_error })
    }

    fn statement(&mut self, node: &Node, context: Context, option: &str) -> Option<Statement> {
        let made = Statement::compile(self.known(node, option)?, context);
        self.compiled(node, option, 0, made, Statement::warnings)
    }

    /// The `context` that is written, or what the texts are about.
    pub(super) fn context(
        &mut self,
        node: &Node,
        list: Option<&Node>,
        signal: Signal,
        option: &str,
    ) -> Option<Context> {
        let Some(written) = node.get("context").filter(|written| !written.is_null()) else {
            let lists = [list, node.get("conditions")].into_iter().flatten();
            let texts: Vec<&str> = lists.flat_map(Node::items).filter_map(Node::text).collect();
            return Some(inferred(&texts, signal));
        };
        let name = written.text().unwrap_or_default();
        let found = Context::named(name).filter(|context| context.is_of(signal));
        if found.is_none() {
            let known = Context::ALL.into_iter().filter(|one| one.is_of(signal)).map(Context::name);
            let remedy = suggest::did_you_mean(name, known.clone(), || format!("expected {}", listed(known)));
            self.wrong(written.at, option, format!("`{name}` is no context of {}", signal.name()), remedy);
        }
        found
    }
}
