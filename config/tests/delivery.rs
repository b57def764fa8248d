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
fn data_is_gathered_as_the_strictest_batch_in_use_says() {
    let gathering = |processors: &str, used: &str| {
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http:}}}}}}\nexporters: {{debug:}}\nprocessors: {{{processors}}}\nservice: {{pipelines: \
             {{traces: {{receivers: [otlp], processors: [{used}], exporters: [debug]}}, logs: {{receivers: [otlp], processors: [batch/b], \
             exporters: [debug]}}}}}}"
        );
        let gathering =
            load(&text, Surroundings::here(&HashMap::<&str, &str>::new())).plan.unwrap().gathering;
        (gathering.wait.map(|wait| wait.as_millis()), gathering.items)
    };
    let all = "batch/a: {timeout: 200ms, send_batch_size: 0}, batch/b: , batch/c: {timeout: 1s, send_batch_size: 100}";
    assert_eq!(gathering(all, "batch/b"), (None, None));
    assert_eq!(gathering(all, "batch/a"), (Some(200), None));
    assert_eq!(gathering(all, "batch/a, batch/c"), (Some(200), Some(100)));
}

#[test]
fn best_effort_is_what_neither_repeats_nor_queues() {
    let (retry, queue) = ("    retry_on_failure: {enabled: false}", "    sending_queue: {enabled: false}");
    assert_eq!(tried(""), (false, 5));
    assert_eq!(tried(retry), (false, 0));
    assert_eq!(tried(queue), (false, 5));
    assert_eq!(tried(&format!("{retry}\n{queue}")), (true, 0));
}
