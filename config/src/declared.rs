//! What a file declares: components by their ids, each with its options checked.

use std::sync::Arc;

use spanlayer_pipeline::stages::stage::Stage;

use crate::{
    components::{Component, Role, instead},
    exporters,
    options::{
        Fate,
        check::{self, Verdict},
        listed,
        section::Section,
    },
    problem::{At, Problem, Severity},
    processors, suggest,
    yaml::{Key, Node, Value},
};

/// A component that a file declares.
pub(crate) struct Declared<'n> {
    pub(crate) role: Role,
    /// `type` or `type/name`.
    pub(crate) id: &'n str,
    pub(crate) at: At,
    /// What it is; `None` if that is not known.
    pub(crate) component: Option<&'static Component>,
    pub(crate) node: &'n Node,
    /// Whether nothing that it needs is faulty.
    pub(crate) usable: bool,
    /// What it does to payloads, if it is a processor that does something to them.
    pub(crate) stage: Option<Arc<Stage>>,
    /// What it divides data into, if it is a connector or an exporter that does: the parts of its table's rows, and the rest.
    pub(crate) parts: Vec<Arc<Stage>>,
    /// Whether a pipeline is the same without it.
    pub(crate) harmless: bool,
}

impl<'n> Declared<'n> {
    pub(crate) fn section(&self) -> Section<'n> {
        Section::new(self.component.map_or(&[], |one| one.options), Some(self.node))
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.component.map_or("", |one| one.name)
    }

    /// What is wrong where an option is missing.
    pub(crate) fn lacks(&self, name: &str) -> Problem {
        let remedy = format!("add `{name}: …` below `{}`", self.id);
        Problem::error(self.at, format!("`{name}` is missing"), remedy).about(self.path())
    }

    /// As it is called in messages.
    pub(crate) fn path(&self) -> String {
        format!("{}::{}", self.role.section(), self.id)
    }
}

/// Everything that a file declares.
pub(crate) struct Declarations<'n>(pub(crate) Vec<Declared<'n>>);

impl<'n> Declarations<'n> {
    /// Reads all sections, and says what is wrong in each.
    pub(crate) fn read(root: &'n Node, problems: &mut Vec<Problem>) -> Self {
        let mut all = Vec::new();
        for (key, node) in root.entries() {
            if let Some(role) = Role::ALL.into_iter().find(|role| role.section() == key.name) {
                match &node.value {
                    Value::Null => {}
                    Value::Map(entries) => {
                        all.extend(
                            entries.iter().filter_map(|(key, node)| declared(role, key, node, problems)),
                        );
                    }
                    _ => problems.push(
                        Problem::error(
                            node.at,
                            "expected components",
                            "write `type: …` or `type/name: …` on a line each",
                        )
                        .about(role.section()),
                    ),
                }
            } else if key.name != "service" {
                let known = Role::ALL.map(Role::section).into_iter().chain(["service"]);
                let remedy =
                    suggest::did_you_mean(&key.name, known.clone(), || format!("expected {}", listed(known)));
                problems.push(Problem::error(key.at, format!("`{}` is no section", key.name), remedy));
            }
        }
        Self(all)
    }

    pub(crate) fn find(&self, role: Role, id: &str) -> Option<&Declared<'n>> {
        self.0.iter().find(|one| one.role == role && one.id == id)
    }

    /// A component in the place of one of this role: connectors may stand at either end of a pipeline.
    pub(crate) fn in_place_of(&self, role: Role, id: &str) -> Option<&Declared<'n>> {
        self.find(role, id)
            .or_else(|| self.0.iter().find(|one| one.id == id && may_stand_for(one.role, role)))
    }

    /// What is wrong with an id that nothing of this role has.
    pub(crate) fn undeclared(&self, role: Role, id: &str, at: At) -> Problem {
        let remedy = match self.0.iter().find(|one| one.id == id) {
            Some(other) => format!("it is declared under `{}`: list it there", other.role.section()),
            None => {
                let known = self.0.iter().filter(|one| may_stand_for(one.role, role)).map(|one| one.id);
                suggest::did_you_mean(id, known, || format!("declare it under `{}`", role.section()))
            }
        };
        Problem::error(at, format!("the {} `{id}` is not declared", role.noun()), remedy)
    }
}

fn may_stand_for(one: Role, role: Role) -> bool {
    one == role || one == Role::Connector && matches!(role, Role::Receiver | Role::Exporter)
}

fn declared<'n>(
    role: Role,
    key: &'n Key,
    node: &'n Node,
    problems: &mut Vec<Problem>,
) -> Option<Declared<'n>> {
    let (kind, name) = match key.name.split_once('/') {
        Some((kind, name)) => (kind.trim(), Some(name.trim())),
        None => (key.name.trim(), None),
    };
    let path = format!("{}::{}", role.section(), key.name);
    if kind.is_empty() || name == Some("") {
        let remedy = "write `type` or `type/name`";
        problems.push(Problem::error(key.at, "an id is not complete", remedy).about(path));
        return None;
    }
    let mut one = Declared {
        role,
        id: &key.name,
        at: key.at,
        component: role.find(kind),
        node,
        usable: false,
        stage: None,
        parts: Vec::new(),
        harmless: false,
    };
    if let Some(component) = one.component {
        let all = matches!(role, Role::Processor | Role::Connector)
            && component.options.iter().any(|opt| opt.fate == Fate::Needed);
        let verdict = check::options(component.options, node, &path, all, problems);
        one.usable = verdict == Verdict::Sound;
        if matches!(role, Role::Processor | Role::Connector | Role::Exporter) {
            let before = errors(problems);
            let told = problems.len();
            one.stage = processors::stage(&one, 0, problems).map(Arc::new);
            one.parts = match role {
                Role::Exporter => exporters::parts(&one, problems),
                _ => processors::parts(&one, problems),
            };
            if node.is_open() || verdict == Verdict::Faulty {
                // Neither what a variable will say nor what a faulty option was to say is known: only what is about a text
                // that stands here, and that nothing was said of, is wrong for sure.
                let mut found = problems.split_off(told);
                found.retain(|one| {
                    node.is_known_at(one.at) && problems.iter().all(|known| known.at != one.at)
                });
                problems.extend(found);
            }
            one.usable &= errors(problems) == before;
        }
        return Some(one);
    }
    let remedy = if let Some((instead, harmless)) = instead(role, kind) {
        one.harmless = harmless;
        instead.to_owned()
    } else {
        let known = role.components().iter().map(|one| one.name);
        let all = || format!("there are {}", listed(known.clone()).replace(" or ", " and "));
        suggest::did_you_mean(kind, known.clone(), all)
    };
    let what = format!("the {} `{kind}` is not supported", role.noun());
    problems.push(Problem::error(key.at, what, remedy).about(path));
    Some(one)
}

fn errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}
