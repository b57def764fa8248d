//! How hard a destination is tried.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;

use spanlayer_config::{Surroundings, load};

/// Of an exporter with these options: whether it gives up what one attempt does not deliver, and how often it repeats one.
fn tried(options: &str) -> (bool, u32) {
    let text = format!(
        "receivers:\n  otlp: {{protocols: {{http:}}}}\nexporters:\n  otlphttp:\n    endpoint: https://otlp.example.com\n{options}\nservice:\n  pipelines:\n    traces:\n      receivers: [otlp]\n      exporters: [otlphttp]\n"
    );
    let loaded = load(&text, Surroundings::here(&HashMap::<&str, &str>::new()));
    assert_eq!(loaded.problems, [], "{text}");
    let made = &loaded.plan.unwrap().destinations[0];
    (made.best_effort, made.backoff.unwrap().retries)
}

#[test]
fn best_effort_is_what_neither_repeats_nor_queues() {
    let (retry, queue) = ("    retry_on_failure: {enabled: false}", "    sending_queue: {enabled: false}");
    assert_eq!(tried(""), (false, 5));
    assert_eq!(tried(retry), (false, 0));
    assert_eq!(tried(queue), (false, 5));
    assert_eq!(tried(&format!("{retry}\n{queue}")), (true, 0));
}
