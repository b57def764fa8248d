//! `tenants` of exporters: a table of who gets what at which address, and so a destination for each.

use std::sync::Arc;

use spanlayer_pipeline::stages::stage::{Stage, Tenant, Tenants};

use crate::{
    declared::Declared,
    options::{Kind, section::Section, value},
    problem::Problem,
    yaml::{Node, Value},
};

/// What an exporter's data is divided into: a part for each tenant, and last what belongs to none. Nothing if it knows no
/// tenants; of a faulty table, only what is wrong is of use.
pub(crate) fn parts(one: &Declared<'_>, problems: &mut Vec<Problem>) -> Vec<Arc<Stage>> {
    let Some(section) = of(one) else { return Vec::new() };
    let path = format!("{}::tenants::table", one.path());
    let mut names: Vec<String> = Vec::new();
    let mut wrong = |at, what: &str, remedy: &str| {
        problems.push(Problem::error(at, what, remedy).about(&path));
    };
    for row in section.sections("table") {
        match row.text("tenant") {
            Some(name) if names.contains(&name) && !row.is_later("tenant") => {
                wrong(row.at("tenant"), "this tenant is in the table already", "leave one of the two");
            }
            Some(name) => names.push(name),
            None => wrong(row.at(""), "`tenant` is missing", "add `tenant: …`, the attribute's value"),
        }
    }
    for row in section.sections("table").filter(|_| one.kind() != "otlp") {
        let Some(Value::Scalar(scalar)) = row.node("endpoint").map(|node| &node.value) else { continue };
        if let Some(expected) = value::fault(&Kind::Address, scalar) {
            wrong(row.at("endpoint"), "this value cannot be used", &expected);
        }
    }
    if names.is_empty() {
        wrong(section.at("table"), "no tenant is named", "add `table: [{tenant: …, endpoint: …}]`");
    }
    let attribute = section.text("attribute").unwrap_or_else(|| "tenant.id".to_owned());
    let numbers = (0..names.len()).map(Some).chain([None]);
    let tenants = Arc::new(Tenants { attribute, names });
    numbers.map(|number| Arc::new(Stage::Tenant(Tenant { tenants: Arc::clone(&tenants), number }))).collect()
}

fn of<'n>(one: &Declared<'n>) -> Option<Section<'n>> {
    let section = one.section();
    section.has("tenants").then(|| section.section("tenants")).filter(|section| section.node.is_some())
}

/// The options of the destination of each part of an exporter, by the part's number: none for what goes nowhere.
pub(super) fn options(one: &Declared<'_>) -> Vec<(usize, String, Node)> {
    let Some(section) = of(one) else { return Vec::new() };
    let rows: Vec<Section<'_>> = section.sections("table").collect();
    let mut made: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(number, row)| {
            let id = format!("{} for {}", one.id, row.text("tenant").unwrap_or_default());
            (number, id, with(one.node, row))
        })
        .collect();
    if section.text("unknown").as_deref() == Some("default") {
        made.push((rows.len(), one.id.to_owned(), one.node.clone()));
    }
    made
}

/// An exporter's options with a tenant's own. To an address of the tenant's own goes nothing that was meant for another.
fn with(all: &Node, row: &Section<'_>) -> Node {
    let mut entries = all.entries().to_vec();
    let elsewhere = row.node("endpoint").is_some();
    entries.retain(|(key, _)| {
        key.name != "tenants"
            && !(elsewhere && (key.name == "headers" || key.name == "auth" || key.name.ends_with("endpoint")))
    });
    for (key, node) in row.node.map(Node::entries).unwrap_or_default() {
        let place = entries.iter_mut().find(|(other, _)| other.name == key.name);
        match place {
            Some((_, Node { value: Value::Map(own), .. })) if key.name == "headers" => {
                let more = node.entries();
                own.retain(|(name, _)| {
                    !more.iter().any(|(other, _)| other.name.eq_ignore_ascii_case(&name.name))
                });
                own.extend_from_slice(more);
            }
            Some((_, own)) => own.clone_from(node),
            None if key.name != "tenant" => entries.push((key.clone(), node.clone())),
            None => {}
        }
    }
    Node { value: Value::Map(entries), at: row.at("") }
}
