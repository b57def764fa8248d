//! The extension coming up: what it adds to a cold start.

use crate::{
    process,
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    world::{World, name, said},
};
use spanlayer_emulator::{Builder, Reason, TelemetryApi};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const SECTION: &str = "startup";

/// Figures of one extension.
#[derive(Default)]
struct Figures {
    register: Sample,
    first_next: Sample,
    cpu: Sample,
    resident: Sample,
}

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    // Nothing is exported here, so nothing needs to listen; port 9 (discard) says so.
    let ours = || world.layered("http://127.0.0.1:9");
    let file = pipeline_file()?;
    let [mut fast, mut slow, mut filed, mut noop] = std::array::from_fn(|_| Figures::default());
    let (starts, idles) = (world.times(80), world.times(20));
    for round in 0..starts {
        progress.step("start", round + 1, starts);
        let idle = round < idles;
        // Each round starts with another one, so that none always follows the same neighbour.
        for turn in 0..4 {
            match (round + turn) % 4 {
                0 => start(world.plain(), &world.noop, idle, &mut noop).await?,
                1 => start(ours(), &world.extension, idle, &mut fast).await?,
                2 => {
                    let ours = ours().env("SPANLAYER_CONFIG", file.as_os_str());
                    start(ours, &world.extension, false, &mut filed).await?;
                }
                _ => {
                    let api = TelemetryApi::Available(Duration::from_millis(25));
                    start(ours().telemetry_api(api), &world.extension, false, &mut slow).await?;
                }
            }
        }
    }
    let _ = std::fs::remove_file(&file);
    Ok(vec![
        Row::new(SECTION, "pipeline file of 200 lines: exec → register", Unit::Millis, filed.register)
            .against(fast.register.clone())
            .note("baseline: ours without a file"),
        Row::new(SECTION, "pipeline file of 200 lines: exec → first next", Unit::Millis, filed.first_next)
            .against(fast.first_next.clone())
            .budget(Budget::RatioOrExtra(1.0, 1.0))
            .note("baseline: ours without a file"),
        Row::new(SECTION, "extension: exec → register", Unit::Millis, fast.register)
            .against(noop.register)
            .budget(Budget::Ratio(1.2)),
        Row::new(SECTION, "extension: exec → first next", Unit::Millis, fast.first_next)
            .against(noop.first_next.clone())
            .budget(Budget::Ratio(1.4)),
        Row::new(SECTION, "the same, subscription takes 25 ms", Unit::Millis, slow.first_next)
            .against(noop.first_next)
            .note("the function's own init runs meanwhile"),
        Row::new(SECTION, "extension: CPU until 300 ms idle", Unit::Millis, fast.cpu)
            .against(noop.cpu)
            .budget(Budget::Ratio(1.5)),
        Row::new(SECTION, "extension: idle resident memory", Unit::MiB, fast.resident)
            .against(noop.resident)
            .budget(Budget::AtMost(4.5)),
    ])
}

/// A file as large organisations have: 200 lines of processors and pipelines.
fn pipeline_file() -> Result<PathBuf, String> {
    let mut processors = String::new();
    let mut names = Vec::new();
    for nth in 0.. {
        let lines = processors.lines().count();
        if lines + names.len() > 180 {
            break;
        }
        processors += &format!(
            "  attributes/{nth}:\n    actions:\n      - key: team.{nth}\n        value: orders\n        action: insert\n  \
             filter/{nth}:\n    error_mode: ignore\n    traces:\n      span:\n        - 'attributes[\"http.route\"] == \"/health/{nth}\"'\n"
        );
        names.push(format!("attributes/{nth}, filter/{nth}"));
    }
    let text = format!(
        "receivers:\n  otlp:\n    protocols:\n      http:\nprocessors:\n{processors}exporters:\n  otlphttp:\n    \
         endpoint: http://127.0.0.1:9\nservice:\n  pipelines:\n    traces:\n      receivers: [otlp]\n      processors:\n        [{}]\n      \
         exporters: [otlphttp]\n",
        names.join(",\n        ")
    );
    let file = std::env::temp_dir().join(format!("spanlayer-bench-{}.yaml", std::process::id()));
    std::fs::write(&file, text).map_err(said)?;
    Ok(file)
}

async fn start(builder: Builder, program: &Path, idle: bool, figures: &mut Figures) -> Result<(), String> {
    let lambda = builder.start().await.map_err(said)?;
    let init = lambda.init();
    let extension = init.extension(&name(program));
    figures.register.push(extension.register.as_secs_f64() * 1e3);
    figures.first_next.push(extension.first_next.as_secs_f64() * 1e3);
    if idle {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let pid = lambda.extension_pid(&name(program)).ok_or("the extension is gone")?;
        let (cpu, resident) = (process::cpu_nanos(pid), process::resident_mib(pid));
        let (Some(cpu), Some(resident)) = (cpu, resident) else {
            return Err("/proc does not say what a process uses".to_owned());
        };
        figures.cpu.push(cpu as f64 / 1e6);
        figures.resident.push(resident);
    }
    lambda.shutdown(Reason::Spindown).await;
    Ok(())
}
