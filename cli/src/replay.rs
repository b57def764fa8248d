//! `spanlayer-cli replay`: dead letters, read from wherever they were left, and delivered once.

mod journal;

use crate::{
    args::Replay,
    failure::Failure,
    paint::Tone,
    screen::{Screen, printable, say},
    source::{self, Source},
};
use journal::Journal;
use spanlayer_host::clock;
use spanlayer_pipeline::{
    Deadline, Destination, Outcome, Signal,
    letters::{Courier, Letter, Pile},
    settings::Otlp,
};
use std::time::Duration;

/// Reads, lists or delivers, and says what came of it.
pub async fn run(args: &Replay, screen: &Screen) -> Result<(), Failure> {
    let mut sources = Source::find(&args.source, screen).await?;
    let mut pile = Pile::default();
    let mut damaged = 0;
    for source in &sources {
        source.each_part(|part| match part {
            Ok(part) => pile.add(part),
            Err(_) => damaged += 1,
        });
    }
    let (letters, torn) = pile.sort();
    let found = letters.len();
    let mut letters: Vec<Letter> = letters.into_iter().filter(|letter| is_wanted(letter, args)).collect();
    // A whole name means that destination, and not those whose names go on.
    let is_named = |letter: &Letter| args.destination.as_deref().is_some_and(|name| is_name_of(name, letter));
    if letters.iter().any(is_named) {
        letters.retain(is_named);
    }
    letters.sort_by_key(|letter| letter.received);
    say(&format!("{found} dead letters found, {} chosen", letters.len()))?;
    for (key, missing, of) in &torn {
        let key = printable(key);
        say(&format!("{key}: {missing} of its {of} lines are missing, so it is left out"))?;
    }
    if damaged > 0 {
        say(&format!("{damaged} lines are cut off or damaged, and left out"))?;
    }
    match &args.to {
        Some(to) if !args.dry_run && are_mixed(&letters, args) => {
            list(&letters, screen)?;
            Err(Failure::usage(format!("these were for several destinations, and {to} is one")).hint(
                "Choose one with --destination NAME, and deliver the others to where they belong;\n--destination '*' \
                 sends all to this one.",
            ))
        }
        Some(to) if !args.dry_run => deliver(to, args, &mut sources, &letters, screen).await,
        _ => list(&letters, screen),
    }
}

fn is_wanted(letter: &Letter, args: &Replay) -> bool {
    let by_destination = args
        .destination
        .as_ref()
        .is_none_or(|part| part == "*" || letter.destination.contains(part.as_str()));
    let by_signal = args.signal.is_none_or(|signal| Signal::from(signal) == letter.signal);
    let since = args.since.map(|ago| clock::unix_millis().saturating_sub(millis(ago)));
    by_destination && by_signal && since.is_none_or(|since| letter.at >= since)
}

/// `otlphttp/a` of `otlphttp/a (https://…)`.
fn is_name_of(name: &str, letter: &Letter) -> bool {
    letter.destination.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
}

/// Whether what is of one, a tenant perhaps, would reach what is another's.
fn are_mixed(letters: &[Letter], args: &Replay) -> bool {
    let differ = |pair: &[Letter]| pair[0].destination != pair[1].destination;
    args.destination.as_deref() != Some("*") && letters.windows(2).any(differ)
}

fn list(letters: &[Letter], screen: &Screen) -> Result<(), Failure> {
    let now = clock::unix_millis();
    for letter in letters {
        let age = Duration::from_millis(now.saturating_sub(letter.received));
        say(&format!(
            "  {}  {:>6} {:<11}  {:>6} old  tried {}  {}  {}",
            screen.paint.tone(Tone::Faint, &printable(&letter.key).chars().take(8).collect::<String>()),
            letter.items,
            letter.signal.items(),
            rough(age),
            letter.attempts,
            printable(&letter.destination),
            printable(&letter.reason),
        ))?;
    }
    Ok(())
}

async fn deliver(
    to: &str,
    args: &Replay,
    sources: &mut [Source],
    letters: &[Letter],
    screen: &Screen,
) -> Result<(), Failure> {
    let mut otlp = Otlp::http(to).map_err(|what| Failure::usage(format!("--to: {what}")))?;
    otlp.headers.extend(args.header.iter().cloned());
    let courier = Courier::to(&Destination::otlp(otlp, Some(Duration::from_secs(30))));
    let path = args.journal.clone().unwrap_or_else(|| source::journal(&args.source));
    let mut journal = Journal::open(path, to.to_owned())?;
    let (mut delivered, mut before, mut rejected) = (0, 0, 0);
    let mut failure = None;
    for (number, letter) in (1..).zip(letters) {
        let key = printable(&letter.key);
        if journal.has(&letter.key) {
            before += 1;
            continue;
        }
        screen.progress(&format!(
            "{number} of {}: {} {}",
            letters.len(),
            letter.items,
            letter.signal.items()
        ));
        let batch = match letter.batch() {
            Ok(batch) => batch,
            Err(error) => {
                screen.done();
                say(&format!("{key}: its data is damaged, and left where it is: {error}"))?;
                failure = Some("some are damaged".to_owned());
                continue;
            }
        };
        match courier.deliver(batch, Deadline::within(Duration::from_secs(60))).await {
            Outcome::Delivered { rejected: count, message } => {
                // Noted before anything else is done, so that an interruption does not have it sent twice.
                journal.add(&letter.key)?;
                delivered += 1;
                rejected += count;
                for source in sources.iter_mut().filter(|source| source.is_object_of(&letter.key)) {
                    // One that cannot be deleted now is tried again in the end, and told then.
                    let _ = source.remove(|key| journal.has(key)).await;
                }
                if !message.is_empty() {
                    screen.done();
                    say(&format!("{key}: {}", printable(&message)))?;
                }
            }
            Outcome::Refused { why, .. } => {
                screen.done();
                say(&format!("{key}: refused, and left where it is: {}", printable(&why)))?;
                failure = Some("some were refused".to_owned());
            }
            Outcome::Retry { why, .. } => {
                failure = Some(format!("the endpoint does not take data: {}", printable(&why)));
                break;
            }
        }
    }
    screen.done();
    // What was acknowledged goes; where that cannot be done, the journal goes on saying that it was.
    let mut kept = false;
    for source in sources {
        kept |= !source.remove(|key| journal.has(key)).await?;
    }
    if !kept {
        journal.remove();
    }
    let mut line = format!("{delivered} delivered");
    for (count, what) in [(before, "delivered before"), (rejected as usize, "items turned away")] {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    say(&line)?;
    match failure {
        Some(why) => Err(Failure::run(why).hint("Run it again: what was delivered is not sent twice.")),
        None => Ok(()),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An age in one unit.
fn rough(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
