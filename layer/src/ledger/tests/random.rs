//! Any order at all: one span per invocation, and nothing under another's.

use super::*;
use Step::*;
use std::collections::HashMap;

/// What can be told of an invocation.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Start,
    Started,
    Ended,
    OwnSpan,
    Child,
    Report,
    Line,
    Succeeded,
    Failed,
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

impl Step {
    fn tell(self, world: &mut World, id: &str) {
        match self {
            Self::Start => world.start(1, id),
            Self::Started => world.started(id),
            Self::Ended => world.ended(id),
            Self::OwnSpan => world.saw(id, [id.as_bytes()[0]; 16], span_id(id), 2),
            Self::Child => world.saw(id, [id.as_bytes()[0]; 16], [1; 8], 1),
            Self::Report => world.report(60, id),
            Self::Line => {
                world.event(20, "function", &format!(r#"{{"message":"of {id}","requestId":"{id}"}}"#));
            }
            Self::Succeeded => world.done(40, id, "success"),
            Self::Failed => world.done(40, id, r#"error","errorType":"Runtime.ExitError"#),
        }
    }
}

/// Kinds of invocations: what is told of them, and how many spans the ledger has to make.
const KINDS: [(&[Step], usize); 6] = [
    (&[Start, Started, OwnSpan, Ended, Succeeded, Report, Line], 0),
    (&[Start, Started, Child, Failed, Report, Line, Line], 1),
    (&[Start, Started, OwnSpan, Ended, Failed, Report, Line], 0),
    (&[Start, OwnSpan, Succeeded, Report, Line], 0),
    (&[Start, Succeeded, Report, Line], 1),
    (&[Start, Child, Failed, Report, Line], 0),
];

fn told(seed: u64, managed: bool) {
    let mut chance = Chance(seed);
    let mut world = if managed { World::managed() } else { World::ordinary() };
    let mut ids: Vec<char> = ('a'..='z').collect();
    chance.shuffle(&mut ids);
    let mut steps: Vec<(Step, String)> = Vec::new();
    let mut expected: HashMap<String, usize> = HashMap::new();
    for id in ids.iter().map(char::to_string) {
        let (kind, spans) = KINDS[chance.below(KINDS.len())];
        expected.insert(id.clone(), spans);
        for step in kind {
            // Anything but a line may be told twice.
            let times = if *step != Line && chance.below(8) == 0 { 2 } else { 1 };
            steps.extend(std::iter::repeat_n((*step, id.clone()), times));
        }
    }
    chance.shuffle(&mut steps);
    let lines = steps.iter().filter(|(step, _)| *step == Line).count();
    for (step, id) in steps {
        step.tell(&mut world, &id);
        if chance.below(5) == 0 {
            world.take();
        }
    }
    world.close();
    world.close();

    let made = world.spans.iter().filter(|span| span.name != "platform.report");
    let mut counts: HashMap<String, usize> = HashMap::new();
    for span in made {
        let id = of(span, "faas.invocation_id").unwrap();
        if span.name == "GET /orders" {
            assert_eq!(
                (&span.trace_id[..], &span.span_id[..]),
                (&[id.as_bytes()[0]; 16][..], &span_id(&id)[..])
            );
        }
        *counts.entry(id).or_default() += 1;
    }
    for (id, expected) in &expected {
        assert_eq!(counts.get(id).copied().unwrap_or(0), *expected, "seed {seed}, managed {managed}, {id}");
    }
    let reports = world.spans.iter().filter(|span| span.name == "platform.report").count();
    assert_eq!(reports, expected.len(), "seed {seed}: one report each");
    assert_eq!(world.logs.len(), lines, "seed {seed}: no line is lost or doubled");
    for (_, record) in &world.logs {
        let id = attribute(&record.attributes, "faas.invocation_id").unwrap();
        let span = world.spans.iter().find(|span| {
            of(span, "faas.invocation_id").as_deref() == Some(&id) && span.span_id == record.span_id
        });
        let own = record.trace_id == [id.as_bytes()[0]; 16];
        assert!(own || span.is_some(), "seed {seed}: a line of {id} under another's span");
    }
    let metrics = world.metrics();
    let total: u64 = ["faas.invocations", "faas.errors"]
        .iter()
        .flat_map(|name| super::counts(&metrics, name))
        .map(|(_, count, _)| count)
        .sum();
    assert_eq!(total as usize, expected.len(), "seed {seed}: each is counted once");
    let billed: u64 =
        super::counts(&metrics, "aws.lambda.billed_duration").iter().map(|(_, count, _)| count).sum();
    assert_eq!(billed as usize, expected.len(), "seed {seed}: and billed once");
}

#[test]
fn in_any_order_each_invocation_has_one_span_and_nothing_of_anothers() {
    for seed in 0..100 {
        told(seed, false);
        told(seed, true);
    }
}

/// As it happens: what the function says of an invocation precedes the platform's word that it is over, in every other
/// respect invocations overlap at will, and the ledger is told again and again that all has been read.
#[test]
fn while_they_overlap_settling_at_any_time_makes_no_second_span() {
    for seed in 0..100 {
        let mut chance = Chance(seed);
        let mut world = World::managed();
        let mut queues: Vec<(String, &[Step])> = Vec::new();
        let mut expected = 0;
        for id in ('a'..='z').map(String::from) {
            // Wrapped ones: the first three kinds.
            let (kind, spans) = KINDS[chance.below(3)];
            expected += spans;
            queues.push((id, kind));
        }
        let mut running: Vec<(String, &[Step])> = Vec::new();
        while !queues.is_empty() || !running.is_empty() {
            if running.len() < 8 && !queues.is_empty() {
                running.extend(queues.pop());
            }
            let at = chance.below(running.len());
            let (id, steps) = &mut running[at];
            if let [step, rest @ ..] = *steps {
                step.tell(&mut world, id);
                *steps = rest;
            } else {
                running.swap_remove(at);
            }
            if chance.below(3) == 0 {
                world.settle();
            }
            world.now += MILLI;
        }
        world.close();
        let made = world.spans.iter().filter(|span| span.name != "platform.report");
        assert_eq!(made.count(), expected, "seed {seed}");
        assert_eq!(world.ledger.stats().contradicted, 0);
    }
}
