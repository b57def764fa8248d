//! The lifecycle of an environment as a pure function: a phase and an input give the next phase and what to do.

use super::policy::{Plan, Release};

/// Where we are between one `next` and another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `next` is asked for: Lambda may freeze us, or hand us an event, at any moment. A handler may be running.
    Asked,
    /// A handler runs and an export with it; `next` waits for that export.
    Overlapping {
        /// The handler's invocation.
        request: String,
    },
    /// A handler runs; what it leaves is delivered before `next`.
    Holding {
        /// The handler's invocation.
        request: String,
    },
    /// The handler is done and an export is not: it gets a few milliseconds more.
    Lingering,
    /// The handler is done, and everything it left is being delivered. This is billed.
    Flushing,
    /// Everything goes out, and then the process ends.
    Draining,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Lambda announced an invocation, and the policy made a plan for it.
    Invoked {
        /// The invocation.
        request: String,
        /// What the policy wants done.
        plan: Plan,
    },
    /// The function has answered, or the platform says that it is done.
    Ended {
        /// The invocation.
        request: String,
    },
    /// No export is in flight any more that is worth waiting for.
    Exported,
    /// The invocation's deadline is near.
    TimeUp,
    /// Lambda ends the environment, or somebody the process.
    Stop,
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Wait,
    /// Ask for `next`.
    AskNext,
    /// Ask for `next`, then start an export that nobody waits for.
    AskNextAndExport,
    /// Start an export beside the handler. From here on the invocation's deadline counts.
    Export,
    /// From here on the invocation's deadline counts.
    AwaitEnd,
    /// Wait a short while for the export that is in flight.
    Linger,
    /// Export all there is, and wait for it as long as the policy allows.
    Flush,
    /// Close intake, export all there is by the deadline of the stop, report, exit.
    Drain,
}

impl Phase {
    /// The next phase, and what to do. An input that does not fit changes nothing: messages about invocations that
    /// are long over arrive after every thaw.
    pub fn step(self, input: Input) -> (Self, Action) {
        match (self, input) {
            (Self::Draining, _) => (Self::Draining, Action::Wait),
            (_, Input::Stop) => (Self::Draining, Action::Drain),

            (Self::Asked, Input::Invoked { request, plan }) => match plan.release {
                Release::AtOnce if plan.export => (Self::Asked, Action::AskNextAndExport),
                Release::AtOnce => (Self::Asked, Action::AskNext),
                Release::WhenExported => (Self::Overlapping { request }, Action::Export),
                Release::WhenFlushed if plan.export => (Self::Holding { request }, Action::Export),
                Release::WhenFlushed => (Self::Holding { request }, Action::AwaitEnd),
            },

            // Done before the handler is: nothing of this invocation is billed to us.
            (Self::Overlapping { .. }, Input::Exported) => (Self::Asked, Action::AskNext),
            (Self::Overlapping { request }, Input::Ended { request: ended }) if request == ended => {
                (Self::Lingering, Action::Linger)
            }

            (Self::Holding { request }, Input::Ended { request: ended }) if request == ended => {
                (Self::Flushing, Action::Flush)
            }

            // The function is about to be timed out. Nothing is waited for from here; if it does time out, Lambda
            // stops the environment and what is left gets the time of the shutdown.
            (Self::Overlapping { .. } | Self::Holding { .. }, Input::TimeUp) => {
                (Self::Asked, Action::AskNextAndExport)
            }

            (Self::Lingering | Self::Flushing, Input::Exported | Input::TimeUp) => {
                (Self::Asked, Action::AskNext)
            }

            (phase, _) => (phase, Action::Wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoked(release: Release, export: bool) -> Input {
        Input::Invoked { request: "a".to_owned(), plan: Plan { release, export } }
    }

    fn ended(request: &str) -> Input {
        Input::Ended { request: request.to_owned() }
    }

    /// Feeds inputs to a phase that starts out asked, and returns what was to be done.
    fn run(inputs: impl IntoIterator<Item = Input>) -> (Phase, Vec<Action>) {
        let mut phase = Phase::Asked;
        let mut actions = Vec::new();
        for input in inputs {
            let (next, action) = phase.step(input);
            phase = next;
            actions.push(action);
        }
        (phase, actions)
    }

    #[test]
    fn a_deferred_invocation_asks_for_next_at_once_and_its_end_changes_nothing() {
        let (phase, actions) = run([invoked(Release::AtOnce, false), ended("a"), Input::Exported]);
        assert_eq!(phase, Phase::Asked);
        assert_eq!(actions, [Action::AskNext, Action::Wait, Action::Wait]);
    }

    #[test]
    fn a_probe_is_exported_without_anybody_waiting_for_it() {
        assert_eq!(run([invoked(Release::AtOnce, true)]), (Phase::Asked, vec![Action::AskNextAndExport]));
    }

    #[test]
    fn a_flush_at_the_end_waits_for_the_end_of_its_own_invocation() {
        let (phase, actions) = run([
            invoked(Release::WhenFlushed, false),
            ended("earlier"),
            ended("a"),
            ended("a"),
            Input::Exported,
        ]);
        assert_eq!(phase, Phase::Asked);
        assert_eq!(
            actions,
            [Action::AwaitEnd, Action::Wait, Action::Flush, Action::Wait, Action::AskNext],
            "both the link and the platform tell of the end; the second word comes too late"
        );
    }

    #[test]
    fn an_export_that_finishes_beside_the_handler_costs_nothing() {
        let (phase, actions) = run([invoked(Release::WhenExported, true), Input::Exported, ended("a")]);
        assert_eq!((phase, actions), (Phase::Asked, vec![Action::Export, Action::AskNext, Action::Wait]));
    }

    #[test]
    fn an_export_that_outlasts_the_handler_is_waited_for_briefly() {
        for last in [Input::Exported, Input::TimeUp] {
            let (phase, actions) = run([invoked(Release::WhenExported, true), ended("a"), last]);
            assert_eq!(
                (phase, actions),
                (Phase::Asked, vec![Action::Export, Action::Linger, Action::AskNext])
            );
        }
    }

    #[test]
    fn nothing_is_held_past_the_margin_of_the_deadline() {
        for release in [Release::WhenExported, Release::WhenFlushed] {
            let (phase, actions) = run([invoked(release, true), Input::TimeUp]);
            assert_eq!((phase, actions), (Phase::Asked, vec![Action::Export, Action::AskNextAndExport]));
        }
        let (phase, actions) = run([invoked(Release::WhenFlushed, false), ended("a"), Input::TimeUp]);
        assert_eq!((phase, actions.last()), (Phase::Asked, Some(&Action::AskNext)));
    }

    #[test]
    fn a_stop_drains_from_every_phase_and_only_once() {
        let starts = [
            vec![],
            vec![invoked(Release::WhenExported, true)],
            vec![invoked(Release::WhenFlushed, true)],
            vec![invoked(Release::WhenExported, true), ended("a")],
            vec![invoked(Release::WhenFlushed, true), ended("a")],
        ];
        for start in starts {
            let (phase, actions) = run(start.into_iter().chain([Input::Stop, Input::Stop, Input::Exported]));
            assert_eq!(phase, Phase::Draining);
            assert_eq!(actions[actions.len() - 3..], [Action::Drain, Action::Wait, Action::Wait]);
        }
    }

    #[test]
    fn next_is_never_asked_for_twice() {
        // Every sequence of four inputs after an invocation: at most one request for `next` follows each.
        let inputs = [ended("a"), ended("b"), Input::Exported, Input::TimeUp];
        for release in [Release::AtOnce, Release::WhenExported, Release::WhenFlushed] {
            for export in [false, true] {
                for sequence in 0..inputs.len().pow(4) {
                    let picked =
                        (0..4u32).map(|place| inputs[sequence / inputs.len().pow(place) % 4].clone());
                    let (_, actions) = run([invoked(release, export)].into_iter().chain(picked));
                    let asked = actions
                        .iter()
                        .filter(|a| matches!(a, Action::AskNext | Action::AskNextAndExport))
                        .count();
                    assert!(asked <= 1, "{actions:?}");
                }
            }
        }
    }
}
