//! `local`: the user's own function, as `demo` does it for the examples.

use crate::{
    args::Local,
    environment::{self, Environment, LeftOut, Request, Run, Warning},
    failure::Failure,
    figures::{Figures, time},
    files, measured,
    paint::Tone,
    rewired,
    screen::{Screen, print, say},
    show::{self, Traces},
};
use std::path::Path;

/// Runs a function and shows its traces.
///
/// # Errors
///
/// When a file will not do, the function does not come up, or an invocation fails.
pub async fn run(args: &Local, screen: &Screen) -> Result<(), Failure> {
    let function = files::executable("function", &args.function)?;
    let requests = requests(&args.event)?;
    let mut environment = Environment {
        name: function.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        extension: Some(files::companion("extension", "spanlayer", args.extension.as_deref())?),
        function,
        env: args.env.clone(),
        timeout: args.timeout,
        echo: args.verbose,
    };
    let destination = environment::destination().await?;
    if let Some((file, text)) = rewired::rewired(&args.env, &destination.url()) {
        say(&format!(
            "The exporters of {file} are replaced: what it makes of your data is shown here, and goes nowhere else.\n"
        ))?;
        environment.env.push(("SPANLAYER_CONFIG".to_owned(), format!("yaml:{text}")));
    }
    let all: Vec<Request> = (0..args.repeat).flat_map(|_| requests.iter().cloned()).collect();
    let run = environment.run(&all, Some(&destination), screen).await?;

    let mut traces = Traces::of(&destination);
    for (nth, invoked) in run.invoked.iter().take(requests.len()).enumerate() {
        print(&show::invocation(nth + 1, invoked, &mut traces, screen, args.verbose))?;
    }
    if all.len() > requests.len() {
        say(&format!("{} more invocations are in the figures below.\n", all.len() - requests.len()))?;
    }
    let rest = traces.draw_rest(screen, args.verbose);
    if !rest.is_empty() {
        say(&screen.paint.tone(Tone::Strong, "Traces of no invocation in particular"))?;
        say(&rest)?;
    }

    let mut figures = Figures::default();
    figures.push("init", time(run.init));
    show::delivered(&mut figures, &traces, &destination);
    show::billed(&mut figures, &[&run]);
    say(&measured::figures(&destination).text("What was measured", screen.paint))?;
    print(&figures.text("What it cost", screen.paint))?;
    if !args.verbose {
        // With it, they were shown when they came.
        run.warnings.iter().for_each(|warning| eprintln!("{}", warning.line));
    }
    verdict(&run, &traces, args)
}

fn verdict(run: &Run, traces: &Traces, args: &Local) -> Result<(), Failure> {
    let env = &args.env;
    let of_output = |what: &str| match args.verbose {
        true => format!("what {what} is above"),
        false => format!("run it again with --verbose to see what {what}"),
    };
    let failed = run.invoked.iter().filter(|invoked| invoked.invocation.response.is_err()).count();
    if let Some(what) = run.crashes.first() {
        return Err(Failure::run(what.clone()).hint(of_output("it printed")));
    }
    if failed > 0 {
        let of = run.invoked.len();
        return Err(Failure::run(format!("{failed} of {of} invocations failed"))
            .hint(of_output("the function printed")));
    }
    if traces.any_of_the_function() {
        return Ok(());
    }
    if let Some(endpoint) = elsewhere(env) {
        // Lost on the way, or the endpoint was not taken for one.
        let of_delivery =
            |warning: &Warning| warning.lost || warning.line.contains("SPANLAYER_EXPORTER_OTLP_");
        if run.warnings.iter().any(of_delivery) {
            return Err(Failure::run(format!("not everything could be delivered to {endpoint}"))
                .hint("what the extension said of it is above"));
        }
        return say(&format!("Spans went to {endpoint}, so none are shown here."));
    }
    if let Some((name, value)) = env.iter().find(|(name, value)| asks_for_none(name, value)) {
        return say(&format!("The function sent no spans of its own, as {name}={value} may ask."));
    }
    let LeftOut { filtered, sampled_out, unrouted } = run.left_out;
    if filtered + sampled_out + unrouted > 0 {
        return say(&format!(
            "No span of the function is left, as its pipeline file asks: {filtered} filtered, {sampled_out} sampled out, \
             {unrouted} unrouted."
        ));
    }
    Err(Failure::run("the function sent no spans of its own").hint(
        "In Rust: put #[spanlayer::main] on the handler, or its Layer into the Runtime.\n\
         In other languages: let the OpenTelemetry SDK export OTLP over HTTP to http://127.0.0.1:4318.\n\
         --verbose shows what function and extension print.",
    ))
}

/// Where a variable of the user's has the extension send spans, instead of here. `OTEL_…` cannot.
fn elsewhere(env: &[(String, String)]) -> Option<&str> {
    ["SPANLAYER_EXPORTER_OTLP_TRACES_ENDPOINT", "SPANLAYER_EXPORTER_OTLP_ENDPOINT"]
        .iter()
        .find_map(|wanted| env.iter().rev().find(|(name, _)| name == wanted))
        .map(|(_, endpoint)| endpoint.as_str())
}

/// Whether a variable can be why a function that is wrapped sends nothing.
fn asks_for_none(name: &str, value: &str) -> bool {
    match name {
        "SPANLAYER_DISABLED" | "OTEL_SDK_DISABLED" => value.eq_ignore_ascii_case("true"),
        "OTEL_TRACES_SAMPLER" => value.ends_with("always_off") || value.ends_with("traceidratio"),
        _ => false,
    }
}

fn requests(files: &[impl AsRef<Path>]) -> Result<Vec<Request>, Failure> {
    if files.is_empty() {
        let event = include_str!("events/http.json").as_bytes().to_vec();
        return Ok(vec![Request { title: "An HTTP request, through API Gateway".to_owned(), event }]);
    }
    let read = |path: &Path| Ok(Request { title: path.display().to_string(), event: files::event(path)? });
    files.iter().map(|path| read(path.as_ref())).collect()
}
