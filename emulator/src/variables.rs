//! The environment variables that a function and an extension find: fewer for the extension.

use crate::{
    lifecycle::SNAP_START,
    settings::{LogFormat, Settings},
};
use spanlayer_host::vars::{Process, Vars};
use std::{ffi::OsString, path::Path};

type Variables = Vec<(OsString, OsString)>;

/// What both get. `api` is the value of `AWS_LAMBDA_RUNTIME_API`.
fn shared(settings: &Settings, api: &str, state: &Path, tmp: &Path) -> Variables {
    let mut vars: Variables = Vec::new();
    let mut set = |key: &str, value: &str| vars.push((key.into(), value.into()));
    set("AWS_LAMBDA_RUNTIME_API", api);
    set("AWS_LAMBDA_FUNCTION_NAME", &settings.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &settings.version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &settings.memory_mb.to_string());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", &settings.initialization);
    let format = if settings.log_format == LogFormat::Json { "JSON" } else { "Text" };
    set("AWS_LAMBDA_LOG_FORMAT", format);
    set("AWS_REGION", &settings.region);
    set("AWS_DEFAULT_REGION", &settings.region);
    set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    set("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    set("AWS_SESSION_TOKEN", "token");
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    // Lambda's own path, and ours, so that scripts find their interpreters.
    let path = Process.get("PATH").unwrap_or_default();
    set("PATH", &format!("{path}:/usr/local/bin:/usr/bin:/bin:/opt/bin"));
    // `/tmp` belongs to one environment on Lambda. Here several share a machine, so each is given its own.
    vars.push(("SPANLAYER_STATE_DIR".into(), state.into()));
    vars.push(("TMPDIR".into(), tmp.into()));
    vars
}

/// The function's variables.
pub(crate) fn function(settings: &Settings, api: &str, root: &Path, state: &Path, tmp: &Path) -> Variables {
    let mut vars = shared(settings, api, state, tmp);
    let mut set = |key: &str, value: &str| vars.push((key.into(), value.into()));
    set("_HANDLER", &settings.handler);
    set("LAMBDA_RUNTIME_DIR", "/var/runtime");
    if settings.initialization != SNAP_START {
        set("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", settings.name));
        set("AWS_LAMBDA_LOG_STREAM_NAME", &stream(&settings.version));
    }
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    set("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000");
    if let Some(concurrency) = settings.concurrency {
        set("AWS_LAMBDA_MAX_CONCURRENCY", &concurrency.to_string());
    }
    vars.push(("LAMBDA_TASK_ROOT".into(), root.into()));
    vars.extend(settings.env.iter().cloned());
    vars.extend(settings.function_env.iter().cloned());
    vars
}

/// An extension's variables: without those that only a runtime gets, and without any that begins with an underscore.
pub(crate) fn extension(settings: &Settings, api: &str, state: &Path, tmp: &Path) -> Variables {
    let mut vars = shared(settings, api, state, tmp);
    vars.extend(settings.env.iter().cloned());
    vars.extend(settings.extension_env.iter().cloned());
    vars.retain(|(key, _)| !key.to_string_lossy().starts_with('_'));
    vars
}

fn stream(version: &str) -> String {
    let day = crate::time::iso(spanlayer_host::clock::unix());
    let day = day[..10].replace('-', "/");
    format!("{day}/[{version}]{}", crate::ids::uuid().replace('-', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_does_not_get_what_belongs_to_the_runtime() {
        let builder = crate::Emulator::builder().env("_SECRET", "x").env("OTEL_SERVICE_NAME", "orders");
        let settings = builder.settings();
        let keys =
            |vars: Variables| vars.into_iter().map(|(key, _)| key.into_string().unwrap()).collect::<Vec<_>>();
        let function = keys(function(settings, "a:1", Path::new("/r"), Path::new("/s"), Path::new("/t")));
        let extension = keys(extension(settings, "a:1", Path::new("/s"), Path::new("/t")));
        for only in [
            "_HANDLER",
            "LAMBDA_TASK_ROOT",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_XRAY_DAEMON_ADDRESS",
            "_SECRET",
        ] {
            assert!(function.iter().any(|key| key == only), "{only}");
            assert!(!extension.iter().any(|key| key == only), "{only}");
        }
        assert!(extension.iter().any(|key| key == "OTEL_SERVICE_NAME"));
    }
}
