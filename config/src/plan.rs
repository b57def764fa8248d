//! A file as a whole: what is run, and everything that is wrong.

use std::{sync::Arc, time::Duration};

use spanlayer_pipeline::{
    Destination, Lanes, Signal,
    stages::{fnv, stage::Stage},
};

use crate::{
    advice,
    components::{Role, service},
    declared::{Declarations, Declared},
    expand::{Expander, Surroundings},
    exporters::Maker,
    flow::{Branch, Entry, Flow, Onward, Source, Through},
    options::{check, section::Section},
    pipelines::{self, Wired},
    problem::Problem,
    processors,
    receivers::{self, Listening, Receivers},
    watched::{self, Watched},
    yaml::{self, Node},
};

/// What a file came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// What can be run; `None` if nothing can.
    pub plan: Option<Plan>,
    /// Everything that is wrong or unwise, by place.
    pub problems: Vec<Problem>,
    /// Variables that the file names and that are not known here ([`Surroundings::in_place`]).
    pub unset: Vec<String>,
}

/// Everything that a file asks for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Where data comes in.
    pub receivers: Receivers,
    /// Where it goes, each destination once however many pipelines lead there.
    pub destinations: Vec<Destination>,
    /// Which data goes where.
    pub flow: Flow,
    /// The most that is held for delivery, if the file says so.
    pub held: Option<Held>,
    /// How much the extension's log says, if the file says so.
    pub log: Option<String>,
    /// Where it is watched, beside Lambda.
    pub watched: Watched,
    /// How long data waits for more of it, beside Lambda.
    pub gathering: Gathering,
    /// Whether the extension's own metrics are sent, if the file says so.
    pub own_metrics: Option<bool>,
    pub(crate) pipelines: Vec<Wired>,
    pub(crate) effective: Vec<(String, String)>,
}

/// How much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// This many bytes.
    Bytes(u64),
    /// This part of the function's memory, in hundredths.
    Percent(u64),
}

/// How long data waits for more of it before it is sent: what the strictest `batch` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathering {
    /// The longest that it waits, if the file says so.
    pub wait: Option<Duration>,
    /// So many items do not wait, if the file says so.
    pub items: Option<u64>,
}

impl Plan {
    /// The settings that count, as `path` and value, defaults included and secrets left out.
    pub fn effective(&self) -> &[(String, String)] {
        &self.effective
    }

    /// A fingerprint of [`effective`](Self::effective): the same for files that ask for the same.
    pub fn hash(&self) -> String {
        let text: String = self.effective.iter().flat_map(|(path, value)| [path, "=", value, "\n"]).collect();
        format!("{:016x}", fnv(text.as_bytes()))
    }
}

/// Reads a file.
pub fn load(text: &str, around: Surroundings<'_>) -> Loaded {
    let mut expander = Expander { around, problems: Vec::new(), unset: Vec::new() };
    let plan = match yaml::parse(text) {
        Err(problem) => {
            expander.problems.push(problem);
            None
        }
        Ok(mut root) => {
            expander.expand(&mut root);
            plan(&root, around, &mut expander.problems)
        }
    };
    let Expander { mut problems, unset, .. } = expander;
    // What an anchor stands for is told once.
    problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
    problems.dedup();
    Loaded { plan, problems, unset }
}

fn plan(root: &Node, around: Surroundings<'_>, problems: &mut Vec<Problem>) -> Option<Plan> {
    let declared = Declarations::read(root, problems);
    let Some(service) = root.get("service") else {
        let remedy = "add `service: {pipelines: {traces: {receivers: […], exporters: […]}}}`";
        problems.push(Problem::error(root.at, "`service` is missing, so nothing is run", remedy));
        return None;
    };
    let Telemetry { log, metrics } = self::service(service, &declared, problems);
    let watched = watched::read(service, &declared, problems);
    let mut wired = pipelines::read(service, &declared, problems);
    let receivers = receivers::read(&wired, &declared, problems);
    let (destinations, lanes) = destinations(&mut wired, &declared, around, &receivers, problems);
    let flow = Weaver { wired: &wired, declared: &declared, lanes: &lanes, problems }.weave();
    advice::give(&declared, &wired, &receivers, problems);
    if wired.is_empty() {
        return None;
    }
    let mut effective = effective(&wired, &declared);
    for (of, level) in [("logs", &log), ("metrics", &metrics)] {
        effective
            .extend(level.iter().map(|level| (format!("service::telemetry::{of}::level"), level.clone())));
    }
    let address = watched.metrics.iter();
    effective.extend(address.map(|at| ("service::telemetry::metrics::address".to_owned(), at.to_string())));
    Some(Plan {
        receivers,
        destinations,
        flow,
        held: held(&wired, &declared),
        log,
        watched,
        gathering: gathering(&wired, &declared),
        own_metrics: metrics.map(|level| level != "none"),
        pipelines: wired,
        effective,
    })
}

/// Levels of what the extension tells of itself.
#[derive(Default)]
struct Telemetry {
    log: Option<String>,
    metrics: Option<String>,
}

/// `service` itself, but for its pipelines.
fn service(service: &Node, declared: &Declarations<'_>, problems: &mut Vec<Problem>) -> Telemetry {
    const PARTS: [&str; 3] = ["pipelines", "extensions", "telemetry"];
    for (key, _) in service.entries().iter().filter(|(key, _)| !PARTS.contains(&key.name.as_str())) {
        problems.push(check::unknown(key, PARTS).about("service"));
    }
    for item in service.get("extensions").map(Node::items).unwrap_or_default() {
        let id = item.text().unwrap_or_default();
        if declared.find(Role::Extension, id).is_none() {
            let unknown = declared.undeclared(Role::Extension, id, item.at);
            problems.push(unknown.about("service::extensions"));
        }
    }
    let Some(telemetry) = service.get("telemetry") else { return Telemetry::default() };
    check::options(service::TELEMETRY, telemetry, "service::telemetry", false, problems);
    let level = |of| Section::new(service::TELEMETRY, Some(telemetry)).section(of).text("level");
    Telemetry { log: level("logs").map(|level| level.to_ascii_lowercase()), metrics: level("metrics") }
}

/// Whose destination one is: an exporter's, and of that which part's.
type Lane = (String, Option<usize>);

/// The destinations, and which exporter each is. Pipelines that lead nowhere are taken out.
fn destinations(
    wired: &mut Vec<Wired>,
    declared: &Declarations<'_>,
    around: Surroundings<'_>,
    receivers: &Receivers,
    problems: &mut Vec<Problem>,
) -> (Vec<Destination>, Vec<Lane>) {
    let own = [receivers.http, receivers.grpc].into_iter().filter_map(|one| match one {
        Listening::At(address) => Some(address),
        Listening::Off => None,
    });
    let own: Vec<_> = own.collect();
    let (mut made, mut lanes, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for one in declared.0.iter().filter(|one| one.role == Role::Exporter && one.usable) {
        let takers = || wired.iter().filter(|pipeline| pipeline.to.iter().any(|id| id == one.id));
        let signals: Vec<Signal> = Signal::ALL
            .into_iter()
            .filter(|signal| takers().any(|pipeline| pipeline.signal == *signal))
            .collect();
        if signals.is_empty() || one.kind() == "nop" {
            continue;
        }
        let destinations = Maker { declared, around, own: &own, problems }.destinations(one, &signals);
        if destinations.is_empty() {
            failed.push(one.id);
        }
        for (part, mut destination) in destinations {
            if made.len() == Lanes::MOST {
                let what = format!("there are more than {} destinations", Lanes::MOST);
                let remedy = "use fewer exporters and tenants, or one exporter for several tenants";
                problems.push(Problem::error(one.at, what, remedy).about(one.path()));
                break;
            }
            let sizes =
                takers().flat_map(|pipeline| &pipeline.through).filter_map(|id| batch_size(id, declared));
            destination.batch.items = sizes.fold(destination.batch.items, usize::min);
            made.push(destination);
            lanes.push((one.id.to_owned(), part));
        }
    }
    wired.retain_mut(|pipeline| {
        pipeline.to.retain(|id| !failed.contains(&id.as_str()));
        if pipeline.to.is_empty() {
            let what = format!("the pipeline `{}` is not run: it leads nowhere", pipeline.id);
            let path = format!("service::pipelines::{}", pipeline.id);
            problems.push(
                Problem::error(pipeline.at, what, "correct what is wrong with its exporters").about(path),
            );
        }
        !pipeline.to.is_empty()
    });
    (made, lanes)
}

fn batch_size(id: &str, declared: &Declarations<'_>) -> Option<usize> {
    let one = declared.find(Role::Processor, id).filter(|one| one.kind() == "batch")?;
    let most = one.section().whole("send_batch_max_size").filter(|most| *most > 0)?;
    usize::try_from(most).ok()
}

/// The strictest memory limiter that a pipeline has.
fn held(wired: &[Wired], declared: &Declarations<'_>) -> Option<Held> {
    let least = |name: &str| used(wired, declared, "memory_limiter").filter_map(|one| one.whole(name)).min();
    least("limit_mib")
        .map(|mib| Held::Bytes(mib << 20))
        .or_else(|| least("limit_percentage").map(Held::Percent))
}

fn gathering(wired: &[Wired], declared: &Declarations<'_>) -> Gathering {
    let batches = || used(wired, declared, "batch");
    let items = batches().filter_map(|one| one.whole("send_batch_size")).filter(|items| *items > 0).min();
    Gathering { wait: batches().filter_map(|one| one.duration("timeout")).min(), items }
}

/// The options of the processors of one kind that pipelines use.
fn used<'a>(
    wired: &'a [Wired],
    declared: &'a Declarations<'_>,
    kind: &'a str,
) -> impl Iterator<Item = Section<'a>> {
    let ids = wired.iter().flat_map(|pipeline| &pipeline.through);
    let found = ids.filter_map(|id| declared.find(Role::Processor, id));
    found.filter(move |one| one.kind() == kind).map(Declared::section)
}

/// Joins pipelines to a flow.
struct Weaver<'a, 'n> {
    wired: &'a [Wired],
    declared: &'a Declarations<'n>,
    lanes: &'a [Lane],
    problems: &'a mut Vec<Problem>,
}

impl Weaver<'_, '_> {
    fn weave(&mut self) -> Flow {
        let mut flow = Flow { entries: Default::default(), branches: Vec::new() };
        // Behind the pipelines, which go by their numbers.
        let mut leaves = Vec::new();
        for (number, pipeline) in self.wired.iter().enumerate() {
            let lanes: Lanes = pipeline.to.iter().filter_map(|id| self.lane(id, None)).collect();
            let mut onward = Vec::new();
            for id in &pipeline.to {
                if let Some(connector) = self.declared.find(Role::Connector, id) {
                    onward.extend(self.onward(connector, pipeline.signal));
                }
            }
            let mut through =
                Through(pipeline.through.iter().filter_map(|id| self.stage(id, number, pipeline)).collect());
            let mut tails = 0;
            through.0.retain(|stage| {
                tails += usize::from(stage.tail().is_some());
                stage.tail().is_none() || tails == 1
            });
            let mut unwise = |what: String, remedy: &str| {
                let path = format!("service::pipelines::{}", pipeline.id);
                self.problems.push(Problem::warning(pipeline.at, what, remedy).about(path));
            };
            if tails > 1 {
                let what = format!("only the first `tail_sampling` of `{}` decides", pipeline.id);
                unwise(what, "put all policies into one");
            }
            if !onward.is_empty() && tails > 0 {
                let what = format!("`{}` samples before it hands data on", pipeline.id);
                unwise(
                    what,
                    "put `tail_sampling` into the pipelines behind the connector, and there only: here each of them counts anew",
                );
            }
            let mut branch = Branch { through, lanes, onward };
            self.divide(pipeline, &mut branch, &mut leaves);
            flow.branches.push(branch);
            for (source, kind) in [(Source::Function, "otlp"), (Source::Platform, "telemetryapi")] {
                let of_kind = |id: &String| {
                    self.declared.find(Role::Receiver, id).is_some_and(|one| one.kind() == kind)
                };
                if pipeline.from.iter().any(of_kind) {
                    flow.entries[source as usize][pipeline.signal as usize].branches.push(number);
                }
            }
        }
        flow.branches.append(&mut leaves);
        // What is known of invocations of wrapped functions comes with their own data, if nothing else is asked for.
        for signal in Signal::ALL {
            let of = |source: Source| &flow.entries[source as usize][signal as usize];
            if of(Source::Platform).branches.is_empty() {
                let entry: Entry = of(Source::Function).clone();
                flow.entries[Source::Platform as usize][signal as usize] = entry;
            }
        }
        self.no_circles(&mut flow);
        flow.settle();
        flow
    }

    fn lane(&self, id: &str, part: Option<usize>) -> Option<usize> {
        self.lanes.iter().position(|(exporter, of)| exporter == id && *of == part)
    }

    /// Divides what goes to exporters that know tenants, each of which has a sampler of its own: what the others have kept is
    /// no business of theirs.
    fn divide(&mut self, pipeline: &Wired, branch: &mut Branch, leaves: &mut Vec<Branch>) {
        let declared = self.declared;
        let exporters = pipeline.to.iter().filter_map(|id| declared.find(Role::Exporter, id));
        let divided: Vec<&Declared<'_>> = exporters.filter(|one| !one.parts.is_empty()).collect();
        if divided.is_empty() {
            return;
        }
        let samples = |id: &String| {
            let stage = declared.find(Role::Processor, id).and_then(|one| one.stage.as_ref());
            stage.is_some_and(|stage| stage.tail().is_some() && stage.looks_at(pipeline.signal))
        };
        let sampler = pipeline.through.iter().position(samples).unwrap_or(pipeline.through.len());
        let stages = &mut branch.through.0;
        let at = stages.iter().position(|stage| stage.tail().is_some()).unwrap_or(stages.len());
        let after = stages.split_off(at);
        let pipelines = self.wired.len();
        let place = |leaves: &mut Vec<Branch>| pipelines + leaves.len();
        let mut onward = Vec::new();
        if !after.is_empty() && (branch.lanes != Lanes::NONE || !branch.onward.is_empty()) {
            onward.push(Onward::All(vec![place(leaves)]));
            let lanes = std::mem::replace(&mut branch.lanes, Lanes::NONE);
            leaves.push(Branch {
                through: Through(after),
                lanes,
                onward: std::mem::take(&mut branch.onward),
            });
        }
        for exporter in divided {
            let mut parts = Vec::new();
            for (number, stage) in exporter.parts.iter().enumerate() {
                let mut to = Vec::new();
                if let Some(lane) = self.lane(exporter.id, Some(number)) {
                    let ids = pipeline.through.iter().skip(sampler);
                    let through =
                        Through(ids.filter_map(|id| self.stage(id, place(leaves), pipeline)).collect());
                    to.push(place(leaves));
                    leaves.push(Branch { through, lanes: Lanes::NONE.with(lane), onward: Vec::new() });
                }
                parts.push((Through(vec![Arc::clone(stage)]), to));
            }
            onward.push(Onward::Split(parts));
        }
        branch.onward.extend(onward);
    }

    /// What a processor does; nothing for those that are about something else, such as batches.
    fn stage(&mut self, id: &str, number: usize, pipeline: &Wired) -> Option<Arc<Stage>> {
        let one = self.declared.find(Role::Processor, id)?;
        let stage = one.stage.as_ref()?;
        if !stage.looks_at(pipeline.signal) {
            let what = format!("`{id}` does nothing in the pipeline `{}`", pipeline.id);
            let remedy =
                format!("it has nothing for {}: take it out of that pipeline", pipeline.signal.name());
            self.problems.push(Problem::warning(one.at, what, remedy).about(one.path()));
            return None;
        }
        if stage.tail().is_some() {
            // What is wrong with it was told when it was declared.
            return processors::stage(one, number as u64, &mut Vec::new()).map(Arc::new);
        }
        Some(Arc::clone(stage))
    }

    fn onward(&mut self, connector: &Declared<'_>, signal: Signal) -> Option<Onward> {
        let receiving = |id: &str| {
            let found = self.wired.iter().enumerate();
            let mut found =
                found.filter(|(_, one)| one.signal == signal && one.from.iter().any(|from| from == id));
            found.by_ref().map(|(number, _)| number).collect::<Vec<_>>()
        };
        let all = receiving(connector.id);
        if connector.kind() == "forward" {
            return Some(Onward::All(all));
        }
        if connector.kind() == "routing" {
            return Some(Onward::Split(self.parts(connector, signal, &all)));
        }
        let node = connector.section().node("priority_levels");
        let Some(node) = node.filter(|node| !node.items().is_empty()) else {
            let remedy = "add `priority_levels: [[traces/first], [traces/second]]`";
            let path = format!("{}::priority_levels", connector.path());
            self.problems
                .push(Problem::error(connector.at, "`priority_levels` is missing", remedy).about(path));
            return None;
        };
        let levels = node.items().iter();
        let levels = levels.map(|level| self.named(connector, level, signal, &all, "priority_levels"));
        Some(Onward::First(levels.filter(|level| !level.is_empty()).collect()))
    }

    /// Where each part goes of what a connector divides.
    fn parts(
        &mut self,
        connector: &Declared<'_>,
        signal: Signal,
        all: &[usize],
    ) -> Vec<(Through, Vec<usize>)> {
        let section = connector.section();
        let rows = section.sections("table").map(|row| (row.node("pipelines"), "table::pipelines"));
        let lists = rows.chain([(section.node("default_pipelines"), "default_pipelines")]);
        let mut parts = Vec::new();
        for (stage, (list, option)) in connector.parts.iter().zip(lists) {
            // A row counts only for the signals of its pipelines, the rest always: there it is counted.
            if option == "default_pipelines" || processors::signals(list).contains(&signal) {
                let to = list.map(|list| self.named(connector, list, signal, all, option));
                parts.push((Through(vec![Arc::clone(stage)]), to.unwrap_or_default()));
            }
        }
        for number in all.iter().filter(|number| !parts.iter().any(|(_, to)| to.contains(number))) {
            let pipeline = &self.wired[*number];
            let what = format!("`{}` hands nothing on to `{}`", connector.id, pipeline.id);
            let remedy =
                "name it in `table` or `default_pipelines`, or take the connector out of its receivers";
            let path = format!("service::pipelines::{}", pipeline.id);
            self.problems.push(Problem::warning(pipeline.at, what, remedy).about(path));
        }
        parts
    }

    /// Those pipelines that a connector's option names of those that receive from it.
    fn named(
        &mut self,
        connector: &Declared<'_>,
        list: &Node,
        signal: Signal,
        all: &[usize],
        option: &str,
    ) -> Vec<usize> {
        let mut named = Vec::new();
        for item in list.items() {
            let id = item.text().unwrap_or_default();
            match all.iter().find(|number| self.wired[**number].id == id) {
                Some(number) if named.contains(number) => {}
                Some(number) => named.push(*number),
                None if id.split('/').next() != Some(signal.name()) => {}
                None => {
                    let what = format!("the pipeline `{id}` does not receive from here, or is not run");
                    let remedy = format!("list `{}` among its receivers", connector.id);
                    let path = format!("{}::{option}", connector.path());
                    self.problems.push(Problem::error(item.at, what, remedy).about(path));
                }
            }
        }
        named
    }

    /// Takes out connections that lead back to where they come from.
    fn no_circles(&mut self, flow: &mut Flow) {
        for number in 0..flow.branches.len() {
            let mut seen = vec![false; flow.branches.len()];
            if leads_to(flow, number, number, &mut seen) {
                flow.branches[number].onward.clear();
                let pipeline = &self.wired[number];
                let what = format!("the pipeline `{}` leads back to itself", pipeline.id);
                let path = format!("service::pipelines::{}", pipeline.id);
                let remedy = "take the connector out of its exporters";
                self.problems.push(Problem::error(pipeline.at, what, remedy).about(path));
            }
        }
    }
}

fn leads_to(flow: &Flow, from: usize, to: usize, seen: &mut [bool]) -> bool {
    let onward = flow.branches[from].onward.iter().flat_map(|onward| match onward {
        Onward::All(branches) => branches.clone(),
        Onward::First(groups) => groups.concat(),
        Onward::Split(parts) => parts.iter().flat_map(|(_, branches)| branches).copied().collect(),
    });
    onward
        .into_iter()
        .any(|next| next == to || !std::mem::replace(&mut seen[next], true) && leads_to(flow, next, to, seen))
}

/// What is used, and how it is set.
fn effective(wired: &[Wired], declared: &Declarations<'_>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for pipeline in wired {
        for (part, ids) in
            [("receivers", &pipeline.from), ("processors", &pipeline.through), ("exporters", &pipeline.to)]
        {
            out.push((
                format!("service::pipelines::{}::{part}", pipeline.id),
                format!("[{}]", ids.join(", ")),
            ));
        }
    }
    let used = |one: &Declared<'_>| {
        let lists = wired.iter().flat_map(|pipeline| [&pipeline.from, &pipeline.through, &pipeline.to]);
        one.role == Role::Extension || lists.flatten().any(|id| id == one.id)
    };
    for one in declared.0.iter().filter(|one| one.usable && used(one)) {
        one.section().effective(&one.path(), &mut out);
    }
    out.sort();
    out
}
