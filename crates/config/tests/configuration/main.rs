//! The crate as its callers see it: texts in, plans and messages out.

mod diagnostics;
mod environments;
mod plans;
mod properties;

use std::path::Path;

use hognose_config::{Date, Diagnostic, Format, Options, Plan, Reading, parse};

fn read(text: &str, format: Format, environment: Option<&str>) -> Reading<Plan> {
    let today = Date::parse("2026-06-01").expect("a date");
    parse(
        text,
        format,
        &Options { path: Path::new("/worker/wrangler.toml"), environment, script: None, today },
    )
}

fn diagnostics_of<T>(reading: Reading<T>) -> Vec<Diagnostic> {
    match reading {
        Ok(accepted) => accepted.diagnostics,
        Err(rejected) => rejected.diagnostics,
    }
}

/// The plan of a TOML text that must have nothing wrong with it.
fn plan(text: &str) -> Plan {
    plan_of_environment(text, None)
}

fn plan_of_environment(text: &str, environment: Option<&str>) -> Plan {
    read(text, Format::Toml, environment).unwrap_or_else(|rejected| panic!("{rejected:?}")).value
}

/// A configuration with which nothing is wrong, and `lines` after it.
fn with(lines: &str) -> String {
    format!(
        "main = \"src/entry.py\"\ncompatibility_date = \"2025-08-01\"\ncompatibility_flags = [\"python_workers\"]\n\
         {lines}"
    )
}

/// What is said about [`with`] these lines.
fn messages(lines: &str) -> Vec<String> {
    messages_in(lines, None)
}

fn messages_in(lines: &str, environment: Option<&str>) -> Vec<String> {
    let found = diagnostics_of(read(&with(lines), Format::Toml, environment));
    found.into_iter().map(|diagnostic| diagnostic.message).collect()
}
