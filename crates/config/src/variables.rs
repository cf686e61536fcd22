//! Secrets of development, and in what order variables override each other.
//!
//! From weakest to strongest: `vars` of the configuration, the files beside it (`.dev.vars`, or else `.env` and
//! its relatives), and `--var` on the command line.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, Reading, Report};
use crate::dotenv;
use crate::plan::{Plan, Variable};
use crate::tree::TEXT_MAX_BYTES;

/// The longest value that references in a `.env` file can grow to, in bytes.
pub const EXPANDED_VALUE_MAX_BYTES: usize = 64 * 1024;

/// What decides which files are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct SecretSources<'a> {
    /// The environment asked for.
    pub environment: Option<&'a str>,
    /// The files of `--env-file`, which take the place of all others.
    pub env_files: &'a [&'a str],
    /// `CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV=false` was given: no `.env` is read by itself.
    pub without_dot_env: bool,
    /// The process's own variables, if `CLOUDFLARE_INCLUDE_PROCESS_ENV=true` was given. They join those of
    /// `.env` files, and win.
    pub process: Option<&'a BTreeMap<String, String>>,
}

/// Variables from files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Values by name.
    pub values: BTreeMap<String, String>,
    /// The files they came from, weakest first; to be named at start, and watched.
    pub files: Vec<String>,
}

/// Reads the files that apply. `read` gives the text of a file in the configuration's folder, or `None` when
/// there is no such file.
pub fn load_secrets(sources: &SecretSources<'_>, read: &dyn Fn(&str) -> Option<String>) -> Reading<Secrets> {
    let report = Report::default();
    let secrets = dev_vars(sources, read, &report).unwrap_or_else(|| dot_env(sources, read, &report));
    report.conclude(Some(secrets))
}

/// `.dev.vars.<environment>` or else `.dev.vars`, taken as they stand.
fn dev_vars(
    sources: &SecretSources<'_>,
    read: &dyn Fn(&str) -> Option<String>,
    report: &Report,
) -> Option<Secrets> {
    if !sources.env_files.is_empty() {
        return None;
    }
    let special = sources.environment.map(|environment| format!(".dev.vars.{environment}"));
    let mut files = special.into_iter().chain([".dev.vars".to_owned()]);
    let (file, text) = files.find_map(|file| read(&file).map(|text| (file, text)))?;
    let values = entries(&file, &text, report).into_iter().collect();
    Some(Secrets { values, files: vec![file] })
}

/// The `.env` files, later ones over earlier ones, with references between them.
fn dot_env(sources: &SecretSources<'_>, read: &dyn Fn(&str) -> Option<String>, report: &Report) -> Secrets {
    let mut secrets = Secrets::default();
    let mut merged: Vec<(String, String)> = Vec::new();
    for file in dot_env_files(sources) {
        let Some(text) = read(&file) else { continue };
        for (name, value) in entries(&file, &text, report) {
            merged.retain(|(known, _)| *known != name);
            merged.push((name, value));
        }
        secrets.files.push(file);
    }
    let process = |name: &str| sources.process.and_then(|process| process.get(name)).cloned();
    for (name, value) in merged {
        let lookup = |name: &str| process(name).or_else(|| secrets.values.get(name).cloned());
        if let Some(expanded) = dotenv::expand(&value, &lookup, EXPANDED_VALUE_MAX_BYTES) {
            secrets.values.insert(name, expanded);
        } else {
            report.push(grown_too_long(&name));
        }
    }
    secrets
        .values
        .extend(sources.process.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    secrets
}

fn dot_env_files(sources: &SecretSources<'_>) -> Vec<String> {
    if !sources.env_files.is_empty() {
        return sources.env_files.iter().map(|&file| file.to_owned()).collect();
    }
    if sources.without_dot_env {
        return Vec::new();
    }
    let mut files = vec![".env".to_owned(), ".env.local".to_owned()];
    if let Some(environment) = sources.environment {
        files.push(format!(".env.{environment}"));
        files.push(format!(".env.{environment}.local"));
    }
    files
}

/// What a file defines. Its text never goes into a diagnostic: it is full of secrets.
fn entries(file: &str, text: &str, report: &Report) -> Vec<(String, String)> {
    if text.len() > TEXT_MAX_BYTES {
        let message =
            format!("{file} has {} bytes, more than the {TEXT_MAX_BYTES} that are read", text.len());
        report.push(Diagnostic::error(Code::TooLarge, message));
        return Vec::new();
    }
    let found = dotenv::parse(text);
    if let Some((first, others)) = found.ignored_lines.split_first() {
        let others =
            if others.is_empty() { String::new() } else { format!(", as are {} more", others.len()) };
        let message = format!("Line {first} of {file} is not of the form KEY=value and is ignored{others}");
        report.push(Diagnostic::warning(Code::Variables, message));
    }
    found.entries
}

fn grown_too_long(name: &str) -> Diagnostic {
    let message = format!("The value of {name} grows past {EXPANDED_VALUE_MAX_BYTES} bytes when expanded");
    Diagnostic::error(Code::Variables, message).help("write \\$ for a dollar that is not a reference")
}

/// Why `--var` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" does not name a variable; expected NAME:VALUE")]
pub struct VariableError {
    /// What was given.
    pub given: String,
}

/// Splits the `NAME:VALUE` of a `--var`; the value may hold further colons.
pub fn parse_variable(given: &str) -> Result<(String, String), VariableError> {
    match given.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(VariableError { given: given.to_owned() }),
    }
}

impl Plan {
    /// Adds the secrets (with `secrets.required`, only those named there), then the variables of the command
    /// line, each over what is there. Gives a warning for each required secret that was not found.
    pub fn add_variables(&mut self, secrets: &Secrets, given: &[(String, String)]) -> Vec<Diagnostic> {
        let required = self.required_secrets.as_deref();
        for (name, value) in &secrets.values {
            if required.is_none_or(|required| required.contains(name)) {
                self.vars.insert(name.clone(), Variable::Secret(value.clone()));
            }
        }
        for (name, value) in given {
            self.vars.insert(name.clone(), Variable::Text(value.clone()));
        }
        let missing = required.unwrap_or_default().iter().filter(|name| !self.vars.contains_key(*name));
        missing.map(|name| missing_secret(name)).collect()
    }
}

fn missing_secret(name: &str) -> Diagnostic {
    Diagnostic::warning(Code::Variables, format!("The required secret {name} was not found"))
        .help(format!("add a line to .dev.vars: {name}=…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(sources: &SecretSources<'_>, files: &[(&str, &str)]) -> Secrets {
        let read =
            |name: &str| files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned());
        load_secrets(sources, &read).unwrap().value
    }

    fn values(secrets: &Secrets) -> Vec<String> {
        secrets.values.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    const PRODUCTION: SecretSources<'_> =
        SecretSources { environment: Some("prod"), env_files: &[], without_dot_env: false, process: None };

    #[test]
    fn dev_vars_stand_alone_and_the_environments_own_file_replaces_them() {
        let files = [(".dev.vars", "A=dev\nB=${A}"), (".dev.vars.prod", "A=prod"), (".env", "A=env\nC=env")];
        assert_eq!(values(&load(&SecretSources::default(), &files)), ["A=dev", "B=${A}"]);
        assert_eq!(values(&load(&PRODUCTION, &files)), ["A=prod"]);
        assert_eq!(load(&PRODUCTION, &files).files, [".dev.vars.prod"]);
    }

    #[test]
    fn dot_env_files_are_merged_and_expanded() {
        let files = [
            (".env", "A=1\nB=1\nC=1\nD=1"),
            (".env.local", "B=2\nC=2\nD=2"),
            (".env.prod", "C=3\nD=3"),
            (".env.prod.local", "D=4\nALL=$A${B}$C$D$MISSING"),
        ];
        assert_eq!(values(&load(&PRODUCTION, &files)), ["A=1", "ALL=1234", "B=2", "C=3", "D=4"]);
        assert_eq!(load(&SecretSources::default(), &files).files, [".env", ".env.local"]);
        let without = SecretSources { without_dot_env: true, ..PRODUCTION };
        assert_eq!(load(&without, &files), Secrets::default());
    }

    #[test]
    fn env_files_of_the_command_line_replace_the_search() {
        let files = [(".dev.vars", "A=dev"), ("one", "A=1\nB=1"), ("two", "B=2")];
        let sources = SecretSources { env_files: &["one", "two"], ..SecretSources::default() };
        assert_eq!(values(&load(&sources, &files)), ["A=1", "B=2"]);
    }

    #[test]
    fn the_process_joins_dot_env_when_asked() {
        let process = BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]);
        let sources = SecretSources { process: Some(&process), ..SecretSources::default() };
        assert_eq!(values(&load(&sources, &[(".env", "A=$HOME")])), ["A=/root", "HOME=/root"]);
    }

    #[test]
    fn a_bad_line_is_named_without_its_text() {
        let read = |_: &str| Some("A=1\nsk-secret\nA=2\nsk-other".to_owned());
        let accepted = load_secrets(&SecretSources::default(), &read).unwrap();
        let messages: Vec<_> = accepted.diagnostics.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(
            messages,
            ["Line 2 of .dev.vars is not of the form KEY=value and is ignored, as are 1 more"]
        );
    }

    #[test]
    fn values_that_double_and_double_end_at_the_limit() {
        let doubled = |n: usize| format!("V{n}=${{V{}}}${{V{}}}", n - 1, n - 1);
        let lines: Vec<String> = (1..40).map(doubled).collect();
        let read = |name: &str| (name == ".env").then(|| format!("V0=x\n{}", lines.join("\n")));
        let rejected = load_secrets(&SecretSources::default(), &read).unwrap_err();
        assert_eq!(rejected.diagnostics[0].message, "The value of V17 grows past 65536 bytes when expanded");
    }

    #[test]
    fn variables_of_the_command_line_are_split_at_the_first_colon() {
        assert_eq!(parse_variable("A:b:c"), Ok(("A".to_owned(), "b:c".to_owned())));
        assert_eq!(parse_variable("A:"), Ok(("A".to_owned(), String::new())));
        let message = parse_variable("A=b").unwrap_err().to_string();
        assert_eq!(message, "\"A=b\" does not name a variable; expected NAME:VALUE");
        assert!(parse_variable(":b").is_err());
    }
}
