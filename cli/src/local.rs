//! `local`: the user's own function, as `demo` does it for the examples.

use crate::{
    args::Local,
    failure::Failure,
    figures::{Figures, time},
    files, measured,
    paint::Tone,
    screen::Screen,
    show::{self, Traces},
    stage::{self, Act, Stage},
};
use std::path::Path;

/// Runs a function and shows its traces.
///
/// # Errors
///
/// When a file will not do, the function does not come up, or an invocation fails.
pub async fn run(args: &Local, screen: &Screen) -> Result<(), Failure> {
    let function = files::executable("function", &args.function)?;
    let acts = acts(&args.event)?;
    let stage = Stage {
        name: function.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        extension: Some(files::companion("extension", "spanlayer", args.extension.as_deref())?),
        function,
        env: args.env.clone(),
        timeout: args.timeout,
        echo: args.verbose,
    };
    let destination = stage::destination().await?;
    let all: Vec<Act> = (0..args.repeat).flat_map(|_| acts.iter().cloned()).collect();
    let performance = stage.perform(&all, Some(&destination), screen).await?;

    let mut traces = Traces::of(&destination);
    for (nth, played) in performance.played.iter().take(acts.len()).enumerate() {
        print!("{}", show::invocation(nth + 1, played, &mut traces, screen, args.verbose));
    }
    if all.len() > acts.len() {
        println!("{} more invocations are in the figures below.\n", all.len() - acts.len());
    }
    let rest = traces.draw_rest(screen, args.verbose);
    if !rest.is_empty() {
        println!("{}\n{rest}", screen.paint.tone(Tone::Strong, "Traces of no invocation in particular"));
    }

    let mut figures = Figures::default();
    figures.push("init", time(performance.init));
    show::delivered(&mut figures, &traces, &destination);
    show::billed(&mut figures, &[&performance]);
    println!("{}", measured::figures(&destination).text("What was measured", screen.paint));
    print!("{}", figures.text("What it cost", screen.paint));
    verdict(&performance, &traces)
}

fn verdict(performance: &stage::Performance, traces: &Traces) -> Result<(), Failure> {
    let failed = performance.played.iter().filter(|played| played.invocation.response.is_err()).count();
    if let Some(what) = performance.fell.first() {
        return Err(Failure::run(what.clone()).hint("run it again with --verbose to see what it printed"));
    }
    if failed > 0 {
        let of = performance.played.len();
        return Err(Failure::run(format!("{failed} of {of} invocations failed"))
            .hint("run it again with --verbose to see what the function printed"));
    }
    if !traces.any_of_the_function() {
        return Err(Failure::run("the function sent no spans of its own").hint(
            "In Rust: put #[spanlayer::main] on the handler, or its Layer into the Runtime.\n\
             In other languages: let the OpenTelemetry SDK export OTLP over HTTP to http://127.0.0.1:4318.\n\
             Is a sampler set, or SPANLAYER_DISABLED? --verbose shows what function and extension print.",
        ));
    }
    Ok(())
}

fn acts(files: &[impl AsRef<Path>]) -> Result<Vec<Act>, Failure> {
    if files.is_empty() {
        let event = include_str!("events/http.json").as_bytes().to_vec();
        return Ok(vec![Act { title: "An HTTP request, through API Gateway".to_owned(), event }]);
    }
    let read = |path: &Path| Ok(Act { title: path.display().to_string(), event: files::event(path)? });
    files.iter().map(|path| read(path.as_ref())).collect()
}
