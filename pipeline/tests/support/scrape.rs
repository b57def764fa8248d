//! Reads Prometheus' text format 0.0.4 as strictly as it is specified (*Exposition formats*).

use std::collections::{BTreeMap, BTreeSet};

/// Everything that a scraper would see.
pub(crate) struct Scrape(Vec<Sample>);

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// Reads a text in which nothing may be wrong.
    pub(crate) fn of(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends too");
        let (mut samples, mut families): (Vec<Sample>, BTreeSet<String>) = Default::default();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (family, about) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
            assert!(is_name(family) && !about.is_empty() && !about.contains('\\'), "{line}");
            assert!(families.insert(family.to_owned()), "{family} comes twice");
            let kind = lines.next().unwrap().strip_prefix("# TYPE ").unwrap();
            let kind = kind.strip_prefix(family).unwrap().strip_prefix(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", family.ends_with("_total"), "{family} is a {kind}");
            let mut own = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let sample = sample(line);
                let suffix = sample.name.strip_prefix(family).unwrap();
                let suffixes: &[&str] =
                    if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.contains(&suffix), "{line}");
                assert_eq!(sample.labels.contains_key("le"), suffix == "_bucket", "{line}");
                own.push(sample);
            }
            assert!(!own.is_empty(), "{family} has no samples");
            if kind == "histogram" {
                check_histogram(family, &own);
            }
            samples.extend(own);
        }
        let series: BTreeSet<_> = samples.iter().map(|one| (&one.name, &one.labels)).collect();
        assert_eq!(series.len(), samples.len(), "a series comes twice");
        Self(samples)
    }

    /// The value of the one series that has these labels, and perhaps more; a label with an empty value is one that it has
    /// not.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            let label = |key: &str| sample.labels.get(key).map_or("", String::as_str);
            sample.name == name && labels.iter().all(|(key, value)| label(key) == *value)
        };
        let found: Vec<&Sample> = self.0.iter().filter(has).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}");
        found[0].value
    }

    /// Whether there is any series of this name with these labels.
    pub(crate) fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        let own = self.0.iter().filter(|sample| sample.name == name);
        own.into_iter().any(|one| labels.iter().all(|(k, v)| one.labels.get(*k).is_some_and(|own| own == v)))
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (key, value) = rest.split_once("=\"").unwrap();
            assert!(is_name(key), "{line}");
            let mut text = String::new();
            let mut chars = value.char_indices();
            let end = loop {
                match chars.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => text.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("\\{c} in {line}"),
                    }),
                    (_, c) => text.push(c),
                }
            };
            assert!(labels.insert(key.to_owned(), text).is_none(), "{key} comes twice in {line}");
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap().parse().unwrap();
    Sample { name: name.to_owned(), labels, value }
}

fn check_histogram(family: &str, samples: &[Sample]) {
    let mut buckets: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for one in samples.iter().filter(|one| one.name.ends_with("_bucket")) {
        let mut labels = one.labels.clone();
        let bound = labels.remove("le").unwrap().parse().unwrap();
        buckets.entry(labels).or_default().push((bound, one.value));
    }
    for (labels, buckets) in buckets {
        assert!(buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1), "{labels:?}");
        let whole = |suffix: &str| {
            let mut found =
                samples.iter().filter(|one| one.labels == labels && one.name == format!("{family}{suffix}"));
            (found.next().unwrap().value, assert!(found.next().is_none())).0
        };
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, whole("_count"))));
        assert!(whole("_sum").is_finite());
    }
}
