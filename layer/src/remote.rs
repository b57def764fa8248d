//! A pipeline file that lies elsewhere: loaded beside the first invocation, so that neither the start nor any answer waits
//! for it. Until then what comes in is held in memory.
//!
//! ```text
//! begun ─▶ fetch ─┬─▶ good: kept as the last good one ─▶ run
//!            ▲    ├─▶ faulty ──────┬─▶ the last good one ─▶ run
//!            └wait┴─▶ no answer ───┤
//!                                  └─▶ at the end, the variables' destinations
//! ```

use crate::{
    config::{self, Config},
    log,
    receive::Listen,
};
use spanlayer_host::vars::{Problem, Process, Vars};
use spanlayer_pipeline::aws::Elsewhere;
use std::{
    fs, io::Write as _, net::SocketAddr, os::unix::fs::OpenOptionsExt as _, path::PathBuf, pin::pin,
    time::Duration,
};
use tokio::{
    select,
    sync::Notify,
    time::{sleep, timeout},
};

/// Where a file lies, and what is known of it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// As it is written, without what may be a secret.
    pub name: String,
    /// The same, read.
    pub place: Elsewhere,
    /// Where the last good one is kept.
    pub kept: PathBuf,
    /// Where we listen, which is not waited for.
    pub listens: [Listen; 3],
}

impl Remote {
    /// Gets the file, sees that it is run, and returns then. Once `hurry` is told, that takes a moment at most.
    pub(crate) async fn settle(&self, hurry: &Notify) -> Config {
        let fetched = self.fetch(hurry).await;
        let (mut config, faulty) = match &fetched {
            Some(text) => self.read(text),
            None => (None, true),
        };
        if faulty
            && let Some(last) =
                fs::read_to_string(&self.kept).ok().filter(|last| Some(last) != fetched.as_ref())
        {
            let (found, _) = self.read(&last);
            if found.is_some() {
                log::warn(LAST_GOOD, &[("file", &self.name)]);
                config = found;
            }
        } else if !faulty && let Some(text) = fetched {
            self.keep(&text);
        }
        let config = config.unwrap_or_else(|| self.of_variables());
        let asked = [config.otlp_http, config.otlp_grpc, config.telemetry_api];
        for address in ignored(asked, self.listens) {
            let remedy = "ports in a file that lies elsewhere come too late: set SPANLAYER_OTLP_HTTP, SPANLAYER_OTLP_GRPC or \
                          SPANLAYER_TELEMETRY_API";
            log::warn("a port is ignored", &[("address", &address), ("problem", &remedy)]);
        }
        config
    }

    /// Gets the file where it is waited for, beside Lambda. One that is faulty is not run; the last good one counts where
    /// there is no answer.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub(crate) async fn load(&self, vars: &dyn Vars) -> Result<Config, Vec<Problem>> {
        let fetched = timeout(LONGEST_START, self.fetch(&Notify::new())).await.ok().flatten();
        let last = || fs::read_to_string(&self.kept).ok();
        let Some(text) = fetched.clone().or_else(last) else {
            let what = "cannot be loaded, and was never loaded before".to_owned();
            return Err(vec![Problem { name: self.name.clone(), what }]);
        };
        let (config, problems, _) = Config::with_file(vars, &self.name, Some(&text));
        if !problems.is_empty() {
            return Err(problems);
        }
        match fetched {
            Some(_) => self.keep(&text),
            None => log::warn(LAST_GOOD, &[("file", &self.name)]),
        }
        Ok(config)
    }

    fn of_variables(&self) -> Config {
        log::warn("the variables' destinations count instead", &[("file", &self.name)]);
        let (config, problems, _) = Config::with_file(&Process, &self.name, None);
        config::report(&problems, &config.hints);
        config
    }

    /// The settings with a file's text, if anything of it can be run, and whether anything is wrong with it.
    fn read(&self, text: &str) -> (Option<Config>, bool) {
        let (config, problems, is_run) = Config::with_file(&Process, &self.name, Some(text));
        config::report(&problems, if is_run { &config.hints } else { &[] });
        (Some(config).filter(|_| is_run), !problems.is_empty())
    }

    /// The text, as soon as anybody gives it; nothing if there is one from before, or no time left.
    async fn fetch(&self, hurry: &Notify) -> Option<String> {
        let (mut wait, mut last) = (FIRST_WAIT, false);
        loop {
            let mut attempt = pin!(self.place.fetch());
            let answer = select! {
                answer = timeout(if last { LAST } else { LIMIT }, &mut attempt) => answer,
                () = hurry.notified(), if !last => {
                    last = true;
                    timeout(LAST, attempt).await
                }
            };
            let why = match answer {
                Ok(Ok(text)) => return Some(text),
                Ok(Err(why)) => why,
                Err(_) => "no answer in time".to_owned(),
            };
            log::warn("the configuration cannot be loaded", &[("file", &self.name), ("error", &why)]);
            if last || self.kept.exists() {
                return None;
            }
            select! {
                () = sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                () = hurry.notified() => last = true,
            }
        }
    }

    /// It may hold secrets, and is for nobody else.
    fn keep(&self, text: &str) {
        let kept = self.kept.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let mut options = fs::OpenOptions::new();
            let new = self.kept.with_extension("new");
            options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?
                .write_all(text.as_bytes())?;
            fs::rename(new, &self.kept)
        });
        if let Err(error) = kept {
            log::debug("the configuration is not kept", &[("error", &error)]);
        }
    }
}

/// Where a file wants to listen and nobody does.
fn ignored(asked: [Listen; 3], listens: [Listen; 3]) -> impl Iterator<Item = SocketAddr> {
    let differs =
        |(asked, listens): (Listen, Listen)| asked.address().filter(|one| Some(*one) != listens.address());
    asked.into_iter().zip(listens).filter_map(differs)
}

const LAST_GOOD: &str = "the last good configuration counts instead";

/// How long it is waited for beside Lambda: whoever has started it, and may start it again, wants to know.
const LONGEST_START: Duration = Duration::from_secs(5);

/// Limit of an attempt.
const LIMIT: Duration = Duration::from_secs(10);

/// What is left of Lambda's two seconds once the end has come has to do for delivering as well.
const LAST: Duration = Duration::from_millis(500);

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_nobody_listens_on_are_told_of_and_receivers_that_are_not_wanted_do_no_harm() {
        let at = |port: u16| Listen::At(([127, 0, 0, 1], port).into());
        let ignored: Vec<u16> = ignored([at(4318), at(5000), Listen::Off], [at(4318), at(4317), at(4324)])
            .map(|one| one.port())
            .collect();
        assert_eq!(ignored, [5000]);
    }
}
