//! `routing`, which is a connector: it divides data by conditions, as processors have them.

use std::sync::Arc;

use spanlayer_pipeline::{
    Signal,
    stages::{
        ottl::{Condition, Context},
        stage::{Part, Row, Stage, Table},
    },
};

use super::{Maker, on_error};
use crate::{declared::Declared, options::section::Section, problem::Problem, yaml::Node};

/// What each row of the table takes, and last what none takes. Nothing for another component; of a faulty one, only what
/// is wrong is of use.
pub(crate) fn parts(one: &Declared<'_>, problems: &mut Vec<Problem>) -> Vec<Arc<Stage>> {
    if one.kind() != "routing" {
        return Vec::new();
    }
    let (section, mut maker) = (one.section(), Maker { path: one.path(), problems });
    let rows: Vec<Row> = section.sections("table").filter_map(|row| maker.row(row)).collect();
    if section.sections("table").next().is_none() {
        let remedy = "add `table: [{condition: 'attributes[\"…\"] == \"…\"', pipelines: [traces/…]}]`";
        maker.wrong(one.at, "table", "no row says what goes where", remedy);
    }
    maker.ids(section.node("default_pipelines"), "default_pipelines");
    let row_numbers = (0..rows.len()).map(Some).chain([None]);
    let table = Arc::new(Table { rows, on_error: on_error(section) });
    row_numbers.map(|row| Arc::new(Stage::Part(Part { table: Arc::clone(&table), row }))).collect()
}

/// The signals of the pipelines that a list names.
pub(crate) fn signals(list: Option<&Node>) -> Vec<Signal> {
    let items = list.map(Node::items).unwrap_or_default();
    let kinds: Vec<&str> =
        items.iter().filter_map(Node::text).filter_map(|id| id.split('/').next()).collect();
    Signal::ALL.into_iter().filter(|signal| kinds.contains(&signal.name())).collect()
}

impl Maker<'_> {
    fn row(&mut self, row: Section<'_>) -> Option<Row> {
        let context = row.text("context").and_then(|name| Context::named(&name))?;
        let signals = signals(row.node("pipelines"));
        self.ids(row.node("pipelines"), "table::pipelines");
        if row.node("pipelines").is_none_or(|list| list.items().is_empty()) {
            let remedy = "add `pipelines: [traces/…]`";
            self.wrong(row.at("pipelines"), "table::pipelines", "no pipeline is named", remedy);
        }
        if let Some(other) = signals.iter().find(|signal| !context.is_of(**signal)) {
            let what = format!("`{}` is no context of {}", context.name(), other.name());
            let remedy = "write a row for each signal, or `context: resource`";
            self.wrong(row.at("context"), "table::context", what, remedy);
        }
        let condition = match (row.node("condition"), row.node("statement")) {
            (Some(node), None) => {
                let text = self.known(node, "table::condition")?;
                self.condition(node, text, context, "table::condition")?
            }
            (None, Some(node)) => {
                let text = self.known(node, "table::statement")?;
                let Some(condition) = after_route(text) else {
                    let remedy =
                        "write `route() where …`; what is to be changed, `transform` changes behind it";
                    self.wrong(node.at, "table::statement", "this is no route", remedy);
                    return None;
                };
                let before = text.chars().count().saturating_sub(condition.chars().count());
                let made = Condition::compile(condition, context);
                self.compiled(node, "table::statement", before, made, Condition::warnings)?
            }
            (condition, _) => {
                let what = if condition.is_some() {
                    "there is a `statement` as well"
                } else {
                    "`condition` is missing"
                };
                let at = condition.map_or(row.at(""), |node| node.at);
                self.wrong(at, "table::condition", what, "write one of the two: `condition: '…'`");
                return None;
            }
        };
        Some(Row { condition, signals })
    }

    /// Of what is no pipeline's id nobody would see that it is not there.
    fn ids(&mut self, list: Option<&Node>, option: &str) {
        for node in list.map(Node::items).unwrap_or_default() {
            let id = node.text().unwrap_or_default();
            if !Signal::ALL.map(Signal::name).contains(&id.split('/').next().unwrap_or_default()) {
                let remedy = "write a pipeline's id: `traces/…`, `metrics/…` or `logs/…`";
                self.wrong(node.at, option, format!("`{id}` is no pipeline"), remedy);
            }
        }
    }
}

/// The condition of `route() where …`; one that always holds, if there is none.
fn after_route(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix("route")?.trim_start().strip_prefix('(')?;
    let rest = rest.trim_start().strip_prefix(')')?.trim_start();
    if rest.is_empty() {
        Some("true")
    } else {
        rest.strip_prefix("where").filter(|rest| rest.starts_with([' ', '\t', '\n', '(']))
    }
}
