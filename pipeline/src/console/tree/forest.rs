//! Spans grouped into traces and put in the order in which they are drawn.

use super::span::Span;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Guides are drawn for this many levels; deeper spans say their depth instead.
pub(super) const DRAWN_DEPTH: usize = 7;

/// One trace, its spans in drawing order.
pub(super) struct Trace<'s> {
    pub(super) id: [u8; 16],
    pub(super) nodes: Vec<Node<'s>>,
    /// Spans at the top: the true root, and those whose parent is not here.
    pub(super) roots: usize,
    /// Spans left out because the same id was there already.
    pub(super) duplicates: usize,
}

/// One span and its place.
pub(super) struct Node<'s> {
    pub(super) span: &'s Span,
    pub(super) depth: usize,
    /// For each level from the top: is this the last child there? At most [`DRAWN_DEPTH`] levels.
    pub(super) last: Vec<bool>,
    pub(super) has_children: bool,
    /// Why the span stands at the top although it names a parent.
    pub(super) orphan: Option<&'static str>,
}

/// Groups spans by trace, earliest trace first.
pub(super) fn grow(spans: &[Span]) -> Vec<Trace<'_>> {
    let mut traces: BTreeMap<[u8; 16], Vec<&Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let mut traces: Vec<_> = traces.into_iter().map(|(id, spans)| trace(id, spans)).collect();
    traces.sort_by_key(|trace| (trace.nodes.iter().map(|node| node.span.start).min(), trace.id));
    traces
}

fn trace(id: [u8; 16], mut spans: Vec<&Span>) -> Trace<'_> {
    let before = spans.len();
    // Of two deliveries of a span the longer one is the more complete; ids settle the rest, so that the order of
    // arrival never shows.
    spans.sort_by_key(|span| (span.span_id, std::cmp::Reverse((span.end, span.start))));
    spans.dedup_by_key(|span| span.span_id);
    let duplicates = before - spans.len();
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.span_id));

    let places: HashMap<[u8; 8], usize> =
        spans.iter().enumerate().map(|(at, span)| (span.span_id, at)).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut roots = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        match span.parent_id.and_then(|parent| places.get(&parent)) {
            Some(&parent) if parent != at => children[parent].push(at),
            _ => roots.push(at),
        }
    }
    adopt_cycles(&spans, &places, &mut children, &mut roots);

    let mut nodes = Vec::with_capacity(spans.len());
    // A stack of our own: a trace may be deeper than the thread's.
    let mut stack: Vec<(usize, usize, Vec<bool>)> =
        roots.iter().rev().map(|&root| (root, 0, Vec::new())).collect();
    while let Some((at, depth, last)) = stack.pop() {
        let below = &children[at];
        for (nth, &child) in below.iter().enumerate().rev() {
            let mut guides = last.clone();
            if guides.len() < DRAWN_DEPTH {
                guides.push(nth + 1 == below.len());
            }
            stack.push((child, depth + 1, guides));
        }
        let span = spans[at];
        let orphan = span.parent_id.filter(|_| depth == 0).map(|parent| match places.contains_key(&parent) {
            true => "is its own descendant",
            false => "is not here",
        });
        nodes.push(Node { span, depth, last, has_children: !below.is_empty(), orphan });
    }
    Trace { id, nodes, roots: roots.len(), duplicates }
}

/// Spans that are each other's ancestors hang on no root: the earliest of each circle becomes one.
fn adopt_cycles(
    spans: &[&Span],
    places: &HashMap<[u8; 8], usize>,
    children: &mut [Vec<usize>],
    roots: &mut Vec<usize>,
) {
    let mut reached = HashSet::new();
    let mut stack = roots.clone();
    let mut next = 0;
    loop {
        while let Some(at) = stack.pop() {
            if reached.insert(at) {
                stack.extend(&children[at]);
            }
        }
        let Some(lost) = (next..spans.len()).find(|at| !reached.contains(at)) else { break };
        next = lost;
        if let Some(&parent) = spans[lost].parent_id.and_then(|parent| places.get(&parent)) {
            children[parent].retain(|&child| child != lost);
        }
        roots.push(lost);
        stack.push(lost);
    }
    roots.sort_unstable();
}
