//! `service::pipelines`: which data goes through what to where.

use spanlayer_pipeline::Signal;

use crate::{
    components::Role,
    declared::Declarations,
    options::check,
    problem::{At, Problem},
    suggest,
    yaml::{Key, Node, Value},
};

/// A pipeline that can be run, by the components' ids.
#[derive(Clone, Debug)]
pub(crate) struct Wired {
    /// `traces` or `traces/name`.
    pub(crate) id: String,
    pub(crate) at: At,
    pub(crate) signal: Signal,
    /// Receivers and connectors.
    pub(crate) from: Vec<String>,
    pub(crate) through: Vec<String>,
    /// Exporters and connectors.
    pub(crate) to: Vec<String>,
}

/// Reads the pipelines that can be run, and says why others cannot.
pub(crate) fn read(service: &Node, declared: &Declarations<'_>, problems: &mut Vec<Problem>) -> Vec<Wired> {
    let Some(pipelines) = service.get("pipelines") else {
        problems.push(
            Problem::error(
                service.at,
                "`pipelines` is missing",
                "add `pipelines: {traces: {receivers: […], exporters: […]}}`",
            )
            .about("service"),
        );
        return Vec::new();
    };
    let entries = pipelines.entries();
    if entries.is_empty() {
        problems.push(
            Problem::error(
                pipelines.at,
                "there are no pipelines",
                "add `traces: {receivers: […], exporters: […]}`",
            )
            .about("service::pipelines"),
        );
    }
    entries.iter().filter_map(|(key, node)| Reader { declared, problems }.pipeline(key, node)).collect()
}

struct Reader<'a, 'n> {
    declared: &'a Declarations<'n>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_, '_> {
    fn pipeline(&mut self, key: &Key, node: &Node) -> Option<Wired> {
        let path = format!("service::pipelines::{}", key.name);
        let kind = key.name.split('/').next().unwrap_or_default().trim();
        let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.name() == kind) else {
            let remedy = suggest::did_you_mean(kind, Signal::ALL.map(Signal::name), || {
                match kind {
                    "profiles" => "take it out: profiles are not received",
                    _ => "a pipeline is `traces`, `metrics` or `logs`, or one of these with `/name`",
                }
                .to_owned()
            });
            self.problems.push(Problem::error(key.at, format!("`{kind}` is no signal"), remedy).about(path));
            return None;
        };
        for (key, _) in node.entries().iter().filter(|(key, _)| !PARTS.contains(&key.name.as_str())) {
            self.problems.push(check::unknown(key, PARTS).about(&path));
        }
        let mut runs = true;
        let from = self.ids(node, "receivers", Role::Receiver, &path, &mut runs);
        let through = self.ids(node, "processors", Role::Processor, &path, &mut runs);
        let to = self.ids(node, "exporters", Role::Exporter, &path, &mut runs);
        for (part, ids) in [("receivers", &from), ("exporters", &to)] {
            if ids.is_empty() && node.get(part).is_none_or(|node| node.items().is_empty()) {
                let remedy = format!("add `{part}: […]`");
                self.problems
                    .push(Problem::error(key.at, format!("the pipeline has no {part}"), remedy).about(&path));
            }
        }
        runs &= !from.is_empty() && !to.is_empty();
        if !runs {
            let what = format!("the pipeline `{}` is not run", key.name);
            let remedy = "correct what is wrong with its components";
            self.problems.push(Problem::error(key.at, what, remedy).about(path));
            return None;
        }
        Some(Wired { id: key.name.clone(), at: key.at, signal, from, through, to })
    }

    /// The ids of one part that can be used. `runs` is cleared where doing without would not be what was asked for.
    fn ids(&mut self, node: &Node, part: &str, role: Role, path: &str, runs: &mut bool) -> Vec<String> {
        let path = format!("{path}::{part}");
        let list = match node.get(part) {
            None => return Vec::new(),
            Some(list) if matches!(list.value, Value::List(_) | Value::Null) => list,
            Some(other) => {
                let remedy = format!("write `{part}: [{}]`", other.text().unwrap_or("…"));
                self.problems.push(Problem::error(other.at, "expected a list", remedy).about(path));
                *runs = false;
                return Vec::new();
            }
        };
        let mut ids = Vec::new();
        for item in list.items() {
            let Some(id) = item.text() else {
                self.problems.push(
                    Problem::error(item.at, "expected an id", "write `type` or `type/name`").about(&path),
                );
                continue;
            };
            let Some(one) = self.declared.in_place_of(role, id) else {
                self.problems.push(self.declared.undeclared(role, id, item.at).about(&path));
                *runs &= role != Role::Processor;
                continue;
            };
            if one.usable {
                ids.push(id.to_owned());
            } else if role == Role::Processor && !one.harmless {
                // What should have been taken out must not leave.
                *runs = false;
            }
        }
        ids
    }
}

const PARTS: [&str; 3] = ["receivers", "processors", "exporters"];
