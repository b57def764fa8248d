//! A program that never heard of Lambda, and is told to stop.

use crate::world::SOON;
use spanlayer_emulator::{Destination, Mode, binary};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

#[tokio::test]
async fn a_plain_program_that_is_told_to_stop_delivers_what_is_pending_and_succeeds() {
    for signal in ["TERM", "INT"] {
        // Slower than an exit that waits for nothing.
        let collector = Destination::start(Mode::Slow(Duration::from_millis(300))).await.unwrap();
        let alerts = Destination::start(Mode::Healthy).await.unwrap();
        let mut program = Command::new(binary("plain-program"))
            .args([collector.url(), alerts.url()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (id, mut out) = (program.id().to_string(), BufReader::new(program.stdout.take().unwrap()));
        let heard = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            // The meter of the example prints when it ends.
            (line, out)
        });
        let (line, out) = tokio::time::timeout(SOON, heard).await.unwrap().unwrap();
        assert_eq!(line, "sold\n");
        // It has recorded its span; it hears signals a moment later, and nothing is exported before seconds have passed.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(collector.spans().len(), 0, "pending");
        let told = Command::new("kill").args(["-s", signal, &id]).status().unwrap();
        assert!(told.success());
        let ended = tokio::task::spawn_blocking(move || (program.wait().unwrap(), out.lines().count()));
        let (status, _) = tokio::time::timeout(SOON, ended).await.unwrap().unwrap();
        assert!(status.success(), "{signal}: {status}");
        let names: Vec<_> = collector.spans().into_iter().map(|span| span.span.name).collect();
        assert_eq!(names, ["checkout"], "{signal}");
        assert_eq!(alerts.spans().len(), 0, "{signal}: no error");
    }
}
