//! Whole programs, in processes of their own: what they print, what they are told by, how they end.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use spanlayer_pipeline::{
    Backoff, sdk,
    settings::Otlp,
    stage::{FanOut, Meter, Wrap as _},
};

use super::{Server, elsewhere};

const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const AGGREGATION: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
const ADDRESSES: &str = "SHOP_ADDRESSES";

/// What a program does: two destinations, one of them for errors, both retried, with a meter, on one thread.
#[test]
#[ignore = "it is run by the others, in a process of its own"]
fn a_program() {
    let addresses = spanlayer_host::vars::Vars::get(&spanlayer_host::vars::Process, ADDRESSES).unwrap();
    let (all, errors) = addresses.split_once(' ').unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let all = Otlp::http(all).unwrap().exporter().retry(Backoff::otlp());
        let errors = Otlp::http(errors).unwrap().exporter().retry(Backoff::otlp()).errors_only();
        let both = FanOut::new().to(all).to(errors).metered(&Meter::printing("shop"));
        let telemetry = sdk::Wiring::service("shop", "1").start(both);
        let sold = telemetry.meter("tests").u64_counter("sold").build();
        let tracer = telemetry.tracer("tests");
        for result in [Ok(()), Err("declined")] {
            use opentelemetry::trace::{Status, TraceContextExt as _, Tracer as _};
            tracer.in_span("checkout", |context| match result {
                Ok(()) => sold.add(1, &[]),
                Err(why) => context.span().set_status(Status::error(why)),
            });
        }
        let stop = sdk::Telemetry::until_stopped();
        println!("serving");
        tokio::pin!(stop);
        // Signals are heard from the first time that somebody waits for them.
        stop.await.unwrap();
        telemetry.shutdown()
    });
    ended.unwrap();
    println!("ended well");
}

/// A program that runs and is told to stop.
struct Running(Child);

impl Running {
    fn start(all: &Server, errors: &Server, vars: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "program::a_program", "--ignored", "--nocapture"]);
        command.env(ADDRESSES, format!("{} {}", all.url(), errors.url()));
        command.envs(vars.iter().copied());
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// What it printed after this signal, on standard output and on standard error.
    fn told(mut self, signal: &str) -> (String, String) {
        let mut stdout = BufReader::new(self.0.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving") {
            line.clear();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended early");
        }
        let id = self.0.id().to_string();
        // Until the signal is waited for, it would end the program at once.
        while !catches(&id, signal) {
            std::thread::yield_now();
        }
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
        let (mut out, mut err) = (String::new(), String::new());
        stdout.read_to_string(&mut out).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(self.0.wait().unwrap().success(), "{out}{err}");
        (out, err)
    }
}

/// Whether a process has a handler for a signal.
fn catches(id: &str, signal: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
    let number = if signal == "INT" { 2 } else { 15 };
    u64::from_str_radix(mask, 16).unwrap() >> (number - 1) & 1 == 1
}

fn paths(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let mut paths: Vec<_> =
        requests.iter().map(|one| one.head.split(' ').nth(1).unwrap().to_owned()).collect();
    paths.sort();
    paths
}

#[test]
fn told_to_stop_by_either_signal_it_exports_everything_and_prints_what_it_counted() {
    for signal in ["TERM", "INT"] {
        let (all, errors) = (elsewhere([]), elsewhere([]));
        let (out, err) = Running::start(&all, &errors, &[]).told(signal);
        assert!(out.contains("ended well"), "{out}");
        assert_eq!(paths(&all), ["/v1/metrics", "/v1/traces"], "{signal}");
        assert_eq!(paths(&errors), ["/v1/traces"], "{signal}");
        let counted: Vec<&str> = err.lines().filter(|line| line.starts_with("shop: ")).collect();
        assert_eq!(counted, ["shop: exports: 2, items: 3, failures: 0"], "{err}");
    }
}

#[test]
fn preferences_that_are_none_are_told_of_by_name_once() {
    let (all, errors) = (elsewhere([]), elsewhere([]));
    let faulty = [(TEMPORALITY, "s0metimes"), (AGGREGATION, "round")];
    let (_, err) = Running::start(&all, &errors, &faulty).told("TERM");
    for name in [TEMPORALITY, AGGREGATION] {
        let told: Vec<&str> = err.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(told.len(), 1, "{err}");
        assert!(told[0].starts_with("spanlayer: ") && told[0].contains(": expected "), "{err}");
    }
    assert!(!err.contains("s0metimes"), "{err}");
    let (_, err) = Running::start(&all, &errors, &[(TEMPORALITY, "delta")]).told("TERM");
    assert!(!err.contains("spanlayer: "), "{err}");
}
