//! A plan in words and pictures.

use std::fmt::Write as _;

use crate::{Plan, components::Role, pipelines::Wired};

/// Pipelines as a picture, what each component does, and every setting that counts.
pub fn explain(plan: &Plan) -> String {
    let mut out = "Pipelines\n".to_owned();
    for pipeline in &plan.pipelines {
        let _ = writeln!(out, "\n  {}", pipeline.id); // writing to a string cannot fail
        picture(&mut out, pipeline);
    }
    out.push_str("\nWhat each does\n");
    for role in [Role::Receiver, Role::Processor, Role::Connector, Role::Exporter, Role::Extension] {
        let prefix = format!("{}::", role.section());
        for id in ids(plan, role) {
            let kind = id.split('/').next().unwrap_or_default();
            let about = role.find(kind).map_or("", |one| one.about);
            let _ = writeln!(out, "\n  {id}: {about}");
            let own = format!("{prefix}{id}::");
            for (path, value) in plan.effective.iter().filter(|(path, _)| path.starts_with(&own)) {
                let _ = writeln!(out, "    {} = {value}", path[own.len()..].replace("::", "."));
            }
        }
    }
    let _ = writeln!(out, "\nHash of the effective configuration: {}", plan.hash());
    out
}

/// The ids of one role that pipelines use, in the order in which they are met.
fn ids(plan: &Plan, role: Role) -> Vec<&str> {
    let mut ids: Vec<&str> = Vec::new();
    let mut add = |id| {
        if !ids.contains(&id) {
            ids.push(id);
        }
    };
    if role == Role::Extension {
        let of_role = plan.effective.iter().filter_map(|(path, _)| path.strip_prefix("extensions::"));
        of_role.filter_map(|rest| rest.split("::").next()).for_each(add);
        return ids;
    }
    for pipeline in &plan.pipelines {
        let lists = match role {
            Role::Receiver => [&pipeline.from, &pipeline.from],
            Role::Processor => [&pipeline.through, &pipeline.through],
            Role::Exporter => [&pipeline.to, &pipeline.to],
            _ => [&pipeline.from, &pipeline.to],
        };
        for id in lists.into_iter().flatten() {
            if role.find(id.split('/').next().unwrap_or_default()).is_some() {
                add(id);
            }
        }
    }
    ids
}

/// ```text
///           otlp ─┬─▶ batch ─┬─▶ otlphttp/a
///   telemetryapi ─┘          └─▶ debug
/// ```
fn picture(out: &mut String, pipeline: &Wired) {
    let width = pipeline.from.iter().map(|id| id.chars().count()).max().unwrap_or_default();
    let chain: String = pipeline.through.iter().map(|id| format!("─▶ {id} ")).collect();
    let (from, to) = (pipeline.from.len(), pipeline.to.len());
    for line in 0..from.max(to) {
        let left = match pipeline.from.get(line) {
            Some(id) => format!("{id:>width$} ─{}", joint(line, from, ["─", "┬", "┤", "┘"])),
            None => " ".repeat(width + 3),
        };
        let middle = if line == 0 { chain.clone() } else { " ".repeat(chain.chars().count()) };
        // Without processors the two joints are one line.
        let right = match pipeline.to.get(line) {
            Some(id) if line == 0 => format!("─{}─▶ {id}", joint(line, to, ["─", "┬", "", ""])),
            Some(id) => format!(" {}─▶ {id}", joint(line, to, ["", "", "├", "└"])),
            None => String::new(),
        };
        let _ = writeln!(out, "    {}", format!("{left}{middle}{right}").trim_end());
    }
}

/// The sign of one of several: alone, first, between, last.
fn joint(n: usize, of: usize, [alone, first, between, last]: [&str; 4]) -> &str {
    match n {
        _ if of == 1 => alone,
        0 => first,
        _ if n + 1 == of => last,
        _ => between,
    }
}
