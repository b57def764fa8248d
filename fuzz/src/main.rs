//! Runs targets on mutations of their corpus, from a seed: for machines that have nothing but a compiler. What is found lies in
//! `target/fuzz`, and belongs into the corpus once it is mended.
//!
//! ```text
//! spanlayer-fuzz [--seconds N] [--seed N] [--corpus DIRECTORY] [TARGET…]
//! ```

mod mutate;

use mutate::Mutator;
use spanlayer_fuzz::{TARGETS, Target};
use spanlayer_host::clock;
use std::{env, fs, path::Path, process::ExitCode, time::Duration};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (mut seconds, mut seed, mut corpus, mut names) = (60, 1, "fuzz/corpus".to_owned(), Vec::new());
    while let Some(argument) = arguments.next() {
        let mut number =
            |into: &mut u64| arguments.next().and_then(|text| text.parse().ok()).map(|value| *into = value);
        let understood = match &*argument {
            "--seconds" => number(&mut seconds),
            "--seed" => number(&mut seed),
            "--corpus" => arguments.next().map(|directory| corpus = directory),
            name if TARGETS.iter().any(|target| target.name == name) => {
                names.push(argument);
                Some(())
            }
            _ => None,
        };
        if understood.is_none() {
            let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!(
                "usage: spanlayer-fuzz [--seconds N] [--seed N] [--corpus DIRECTORY] [TARGET…]\ntargets: {}",
                known.join(" ")
            );
            return ExitCode::from(2);
        }
    }
    // One line for each panic is enough; the input is kept.
    spanlayer_host::panics::watch(|words, place| eprintln!("panicked at {place}: {words}"));
    let chosen =
        TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name));
    let mut fine = true;
    for target in chosen {
        fine &= run(target, Duration::from_secs(seconds), seed, Path::new(&corpus));
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether nothing was found.
fn run(target: &Target, time: Duration, seed: u64, corpus: &Path) -> bool {
    let mut samples = read(&corpus.join(target.name));
    samples.extend(target.samples.into_iter().flat_map(|folder| read(Path::new(folder))));
    let mut mutator = Mutator::new(seed);
    let start = clock::monotonic();
    let (mut runs, mut slowest, mut found) = (0_u64, Duration::ZERO, 0);
    while start.elapsed() < time && found < ENOUGH {
        let input = mutator.next(&samples);
        let begun = clock::monotonic();
        if std::panic::catch_unwind(|| (target.run)(&input)).is_err() {
            found += 1;
            keep(target, &input);
        }
        slowest = slowest.max(begun.elapsed());
        runs += 1;
    }
    let each = runs as f64 / start.elapsed().as_secs_f64();
    println!(
        "{:<14} {:>4} samples {runs:>10} runs {each:>9.0} a second, the slowest {:.1} ms, {found} found",
        target.name,
        samples.len(),
        slowest.as_secs_f64() * 1000.0
    );
    found == 0
}

fn read(folder: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().filter_map(|path| fs::read(path).ok()).collect()
}

fn keep(target: &Target, input: &[u8]) {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let path = Path::new("target/fuzz").join(format!("{}-{hash:016x}", target.name));
    match fs::create_dir_all("target/fuzz").and_then(|()| fs::write(&path, input)) {
        Ok(()) => eprintln!("{}: {}", target.name, path.display()),
        Err(error) => eprintln!("{}: {error}", path.display()),
    }
}

/// More of the same is found by mending these first.
const ENOUGH: u32 = 10;
