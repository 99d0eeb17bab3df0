//! What: Writes the logs of a handler: one JSON object a line on stdout, as CloudWatch reads them.
//!
//! | module | what |
//! |---|---|
//! | [`observer`] | what is told beside the log: metrics, and a span of each invocation |
//! | [`collector`] | tells it to a collector of OpenTelemetry |
//! | `xray_signature` | signs for X-Ray's own |
//!
//! Invariants: Logs hold no data of an account holder, except the ids in the findings of `ledger-auditor`, which says
//! why. Lines hold request ids, topics, partitions, offsets, counts and reasons. They never hold an account, a payment
//! id, an amount, or a record's bytes. Level `TRACE` is never on, because the Lambda runtime logs whole events there.

pub mod collector;
pub mod observer;
mod xray_signature;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use tracing::Level;

use crate::domain::Timestamp;
use crate::wire::embedded_metric;
use crate::wire::metric::Metrics;

/// Starts logging. The level is `AWS_LAMBDA_LOG_LEVEL` (`ERROR`, `WARN`, `INFO`, `DEBUG`), else `INFO`. Lambda sets it
/// from the function's logging configuration.
pub fn init() {
    let level = level(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        // If the log can't be written, the handler must not fail. An error on a closed stderr would be a panic.
        .log_internal_errors(false)
        .init();
}

/// Ends a handler's process. The reason goes to its log, and to stderr for a person who started it by hand.
pub fn ended(served: Result<(), Box<dyn Error + Send + Sync>>) -> ExitCode {
    let Err(error) = served else { return ExitCode::SUCCESS };
    let why = with_causes(&*error);
    tracing::error!("{why}");
    let _ = std::io::stderr().lock().write_fmt(format_args!("{why}\n"));
    ExitCode::FAILURE
}

/// An error and its causes.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text = format!("{text}: {cause}");
        below = cause.source();
    }
    text
}

/// Writes a line in CloudWatch's embedded metric format: a JSON object of its own, at every log level.
pub fn metric(line: &str) {
    // If the log can't be written, the handler must not fail.
    let _ = std::io::stdout().lock().write_fmt(format_args!("{line}\n"));
}

/// Writes metrics of a function in the same way.
pub fn metrics(metrics: &[Metrics], function: &str, at: Timestamp) {
    embedded_metric::lines(metrics, function, at).iter().for_each(|line| metric(line));
}

fn level(name: Option<&str>) -> Level {
    match name.map(str::to_ascii_uppercase).as_deref() {
        Some("ERROR" | "FATAL") => Level::ERROR,
        Some("WARN") => Level::WARN,
        Some("DEBUG" | "TRACE") => Level::DEBUG,
        _ => Level::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_events_are_never_logged() {
        for (name, expected) in [
            (Some("TRACE"), Level::DEBUG),
            (Some("debug"), Level::DEBUG),
            (Some("WARN"), Level::WARN),
            (Some("FATAL"), Level::ERROR),
            (Some("nonsense"), Level::INFO),
            (None, Level::INFO),
        ] {
            assert_eq!(level(name), expected, "{name:?}");
        }
    }
}
