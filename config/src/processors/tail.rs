//! `tail_sampling`.

use std::time::Duration;

use spanlayer_pipeline::stages::{
    ottl::Context,
    sample::{Adaptive, Rate, Rule, Tail, Test, Unit},
    stage::Stage,
};

use super::Maker;
use crate::{
    components::SUB_POLICY,
    options::{check, section::Section},
    problem::At,
    yaml::{Node, Value},
};

/// Policies of one sampler, being read.
struct Policies<'a, 'p> {
    maker: &'a mut Maker<'p>,
    tests: Vec<Test>,
}

impl Maker<'_> {
    pub(super) fn tail(&mut self, section: Section<'_>, at: At, number: u64) -> Option<Stage> {
        let wait = section.duration("decision_wait").unwrap_or(Duration::from_secs(5));
        let mut policies = Policies { maker: self, tests: Vec::new() };
        let rules: Vec<Rule> = section.sections("policies").filter_map(|one| policies.rule(one)).collect();
        let tests = policies.tests;
        if tests.len() > TESTS {
            let what = format!("there are {} tests of spans, and {TESTS} at most can be used", tests.len());
            self.wrong(at, "policies", what, "join them: one `ottl_condition` may have several conditions");
        }
        if section.sections("policies").next().is_none() {
            let remedy =
                "add `policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]`";
            self.wrong(at, "policies", "no policy says what is kept", remedy);
        }
        Some(Stage::Tail(Tail::new(number, tests, rules, wait)))
    }
}

impl Policies<'_, '_> {
    fn wrong(&mut self, at: At, what: impl Into<String>, remedy: impl Into<String>) {
        self.maker.wrong(at, "policies", what, remedy);
    }

    fn rule(&mut self, one: Section<'_>) -> Option<Rule> {
        let at = one.node.map(|node| node.at).unwrap_or_default();
        let Some(kind) = one.text("type") else {
            self.wrong(at, "`type` is missing", "add `type: status_code`, or another");
            return None;
        };
        match kind.as_str() {
            "always_sample" => return Some(Rule::Always),
            "and" => return Some(Rule::All(self.within(one, "and", "and_sub_policy"))),
            "drop" => return Some(Rule::Drop(self.within(one, "drop", "drop_sub_policy"))),
            "not" => {
                let mut rules = self.within(one, "not", "not_sub_policy");
                return Some(Rule::Not(Box::new(rules.pop()?)));
            }
            _ => {}
        }
        if one.node(&kind).is_none() {
            self.wrong(at, format!("`{kind}` is not said more of"), format!("add `{kind}: {{…}}`"));
            return None;
        }
        let of = one.section(&kind);
        let need = |policies: &mut Self, name: &str| {
            let found = of.text(name);
            if found.is_none() {
                policies.wrong(of.at(name), format!("`{name}` is missing"), format!("add `{name}: …`"));
            }
            found
        };
        match kind.as_str() {
            "latency" => {
                let least = need(self, "threshold_ms")?.parse::<u64>().ok()?;
                let most = of.whole("upper_threshold_ms").unwrap_or_default();
                Some(Rule::Latency(least * 1_000_000, most * 1_000_000))
            }
            "span_count" => {
                let (least, most) = (of.whole("min_spans"), of.whole("max_spans"));
                Some(Rule::Spans(least.unwrap_or_default(), most.unwrap_or_default()))
            }
            "probabilistic" => {
                let percentage = need(self, "sampling_percentage")?.parse::<f64>().ok()?;
                Some(Rule::Share(percentage / 100.0))
            }
            "rate_limiting" => Some(Rule::Rate(Rate::new(need(self, "spans_per_second")?.parse().ok()?))),
            "adaptive" => self.adaptive(of, at),
            "status_code" => {
                let codes = self.codes(of)?;
                Some(self.test(Test::Status(codes), false))
            }
            "ottl_condition" => {
                let mut rules = Vec::new();
                if of.node("span").or(of.node("spanevent")).is_none() {
                    self.wrong(at, "there are no conditions", "add `span: ['…']` or `spanevent: ['…']`");
                }
                for (name, context) in [("span", Context::Span), ("spanevent", Context::SpanEvent)] {
                    let found = self.maker.conditions(of.node(name), context, "policies");
                    rules.extend(found.into_iter().map(|one| self.test(Test::Holds(one), false)));
                }
                Some(Rule::Any(rules))
            }
            _ => {
                let key = need(self, "key")?;
                let inverted = of.flag("invert_match");
                let number = |name: &str| of.text(name).and_then(|text| text.parse::<f64>().ok());
                let test = match kind.as_str() {
                    "numeric_attribute" => {
                        let (least, most) = (number("min_value"), number("max_value"));
                        Test::Between(key, least.unwrap_or(f64::MIN), most.unwrap_or(f64::MAX))
                    }
                    "boolean_attribute" => {
                        need(self, "value")?;
                        Test::Bool(key, of.flag("value"))
                    }
                    _ if of.flag("enabled_regex_matching") => {
                        Test::Matches(key, self.maker.regexes(of.node("values"), "policies"))
                    }
                    _ => Test::Text(key, of.texts("values")),
                };
                Some(self.test(test, inverted))
            }
        }
    }

    fn test(&mut self, test: Test, inverted: bool) -> Rule {
        let rule = Rule::Test(u32::try_from(self.tests.len().min(TESTS - 1)).unwrap_or_default());
        self.tests.push(test);
        if inverted { Rule::Not(Box::new(rule)) } else { rule }
    }

    fn codes(&mut self, of: Section<'_>) -> Option<Vec<u64>> {
        let mut codes = Vec::new();
        for node in of.node("status_codes").map(Node::items).unwrap_or_default() {
            match ["UNSET", "OK", "ERROR"].iter().position(|name| node.text() == Some(name)) {
                Some(code) => codes.push(code as u64),
                None => self.wrong(node.at, "this is no status", "expected OK, ERROR or UNSET"),
            }
        }
        if codes.is_empty() {
            self.wrong(of.at("status_codes"), "no status is named", "add `status_codes: [ERROR]`");
            return None;
        }
        Some(codes)
    }

    fn adaptive(&mut self, of: Section<'_>, at: At) -> Option<Rule> {
        let units = [
            ("spans_per_minute", Unit::Spans),
            ("bytes_per_minute", Unit::Bytes),
            ("traces_per_minute", Unit::Traces),
        ];
        let mut set =
            units.iter().filter_map(|(name, unit)| Some((of.text(name)?.parse::<f64>().ok()?, *unit)));
        match (set.next(), set.next()) {
            (Some((budget, unit)), None) => Some(Rule::Adaptive(Adaptive::new(budget, unit))),
            _ => {
                let remedy = "set one of `spans_per_minute`, `bytes_per_minute` and `traces_per_minute`";
                self.wrong(at, "a budget is one number", remedy);
                None
            }
        }
    }

    /// The policies that one consists of.
    fn within(&mut self, one: Section<'_>, kind: &str, list: &str) -> Vec<Rule> {
        let at = one.node.map(|node| node.at).unwrap_or_default();
        let found = one.node(kind).and_then(|node| node.get(list));
        let nodes: &[Node] = match found {
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) if !node.is_null() => std::slice::from_ref(node),
            _ => &[],
        };
        if nodes.is_empty() {
            self.wrong(at, format!("`{kind}` has no policies"), format!("add `{kind}: {{{list}: …}}`"));
        }
        let mut rules = Vec::new();
        for node in nodes {
            let path = format!("{}::policies::{kind}::{list}", self.maker.path);
            if check::options(SUB_POLICY, node, &path, true, self.maker.problems) == check::Verdict::Sound {
                rules.extend(self.rule(Section::new(SUB_POLICY, Some(node))));
            }
        }
        rules
    }
}

/// Tests of single spans that one sampler may have.
const TESTS: usize = 64;
