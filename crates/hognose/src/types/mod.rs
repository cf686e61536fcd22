//! `hognose types`: stubs by which editors and type checkers know `js` and the Worker's `env`.
//!
//! As `pywrangler types` does, it writes `js-stubs/__init__.pyi` into the folder of the sources: what the module `js` has
//! (`js.pyi` beside this file), and a class `Env` with one attribute for each binding and variable of the configuration.
//! A global that the stubs leave out is `Any`, so that nothing which works is marked as a mistake.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use hognose_config::{Plan, Variable};

use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::project::relative;
use crate::target::TargetArguments;

/// What is in `js`, whatever the configuration says.
const RUNTIME: &str = include_str!("js.pyi");

/// The first release of Python whose Pyodide has `jsnull`; before it, `null` is `None`.
const JSNULL_SINCE: [u32; 2] = [3, 13];

#[derive(Debug, Args)]
pub(crate) struct TypesArguments {
    /// The folder of the sources, in which `js-stubs` is made
    #[arg(short, long, value_name = "FOLDER", default_value = "src")]
    outdir: PathBuf,
    #[command(flatten)]
    target: TargetArguments,
    /// The name of the class that `env` is of
    #[arg(long, value_name = "NAME", default_value = "Env", value_parser = class_name)]
    env_interface: String,
    /// Give variables the type of their very value: `Literal["on"]` rather than `str`
    #[arg(long, value_name = "BOOLEAN", default_value_t = true, action = ArgAction::Set)]
    strict_vars: bool,
    /// Write nothing; fail where the stubs are missing or not those of the configuration
    #[arg(long)]
    check: bool,
}

/// Writes the stubs, or checks them.
pub(crate) fn types(
    arguments: &TypesArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let project = arguments.target.project(interpreter, console)?;
    let stubs = stubs(&project.plan, arguments, interpreter);
    let folder = arguments.outdir.join("js-stubs");
    let path = folder.join("__init__.pyi");
    if arguments.check {
        let current = fs::read_to_string(&path).is_ok_and(|text| text == stubs);
        return if current { Ok(()) } else { Err(CommandError::TypesOutOfDate(path)) };
    }
    let failed = |source| CommandError::State { path: path.clone(), source };
    fs::create_dir_all(&folder).and_then(|()| fs::write(&path, stubs)).map_err(failed)?;
    let class = &arguments.env_interface;
    Console::print(&format!("Wrote `{}`, with the class `{class}` for `env`", relative(&path).display()));
    Ok(())
}

/// The text of the stubs. The same configuration gives the same text.
fn stubs(plan: &Plan, arguments: &TypesArguments, interpreter: &Interpreter) -> String {
    let null = if interpreter.release[..2] < JSNULL_SINCE[..] {
        "from pyodide.ffi import JsProxy\n\nNull = None\n"
    } else {
        "from pyodide.ffi import JsNull as Null\nfrom pyodide.ffi import JsProxy\n"
    };
    let mut text = format!(
        "# Made by `hognose types` from the configuration; made again, it loses what was written into it.\n\
         from collections.abc import Awaitable, Iterable, Sequence\n\
         from typing import Any, Literal\n\n{null}\n{RUNTIME}\n\
         # What the configuration gives the Worker.\nclass {}:\n",
        arguments.env_interface
    );
    let members = members(plan, arguments.strict_vars);
    for (name, kind) in &members {
        writeln!(text, "    {name}: {kind}").expect("invariant: writing to a string cannot fail");
    }
    if members.is_empty() {
        text.push_str("    pass\n");
    }
    text.push_str("\ndef __getattr__(name: str) -> Any: ...\n");
    text
}

/// The attributes of `env`, by name. Names that Python cannot say after a dot have no place in a class.
fn members(plan: &Plan, strict_vars: bool) -> BTreeMap<&str, String> {
    let variables = plan.vars.iter().map(|(name, value)| (name.as_str(), variable(value, strict_vars)));
    let all = bindings(plan).map(|(name, kind)| (name, kind.to_owned())).chain(variables);
    all.filter(|(name, _)| is_identifier(name)).collect()
}

/// The bindings of a configuration, each with the class that it is of.
fn bindings(plan: &Plan) -> impl Iterator<Item = (&str, &'static str)> {
    let assets = plan.assets.as_ref().and_then(|assets| assets.binding.as_deref());
    let plain = [(plan.ai.as_deref(), "Ai"), (plan.images.as_deref(), "ImagesBinding"), (assets, "Fetcher")];
    let plain = plain.into_iter().chain([(plan.version_metadata.as_deref(), "WorkerVersionMetadata")]);
    let storage = (plan.kv_namespaces.iter().map(|kv| (kv.binding.as_str(), "KVNamespace")))
        .chain(plan.d1_databases.iter().map(|d1| (d1.binding.as_str(), "D1Database")))
        .chain(plan.r2_buckets.iter().map(|r2| (r2.binding.as_str(), "R2Bucket")))
        .chain(plan.vectorize.iter().map(|index| (index.binding.as_str(), "Vectorize")))
        .chain(plan.objects.iter().map(|object| (object.binding.as_str(), "DurableObjectNamespace")));
    let others = (plan.queue_producers.iter().map(|queue| (queue.binding.as_str(), "Queue")))
        .chain(plan.send_email.iter().map(|sender| (sender.binding.as_str(), "SendEmail")))
        .chain(plan.workflows.iter().map(|workflow| (workflow.binding.as_str(), "Workflow")))
        .chain(plan.worker_loaders.iter().map(|loader| (loader.as_str(), "WorkerLoader")))
        .chain(plan.rate_limits.iter().map(|limit| (limit.binding.as_str(), "RateLimit")))
        .chain(plan.analytics_datasets.iter().map(|set| (set.binding.as_str(), "AnalyticsEngineDataset")))
        .chain(plan.stored_secrets.iter().map(|secret| (secret.binding.as_str(), "SecretsStoreSecret")))
        .chain(plan.hyperdrive.iter().map(|database| (database.binding.as_str(), "Any")))
        .chain(plan.stand_ins.iter().map(|missing| (missing.binding.as_str(), "Any")))
        .chain(plan.certificates.iter().map(|own| (own.binding.as_str(), "Fetcher")))
        .chain(plan.services.iter().map(|service| (service.binding.as_str(), "Fetcher")));
    plain.into_iter().filter_map(|(name, kind)| Some((name?, kind))).chain(storage).chain(others)
}

/// The type of a variable. A secret's value is nobody's business.
fn variable(value: &Variable, strict: bool) -> String {
    match value {
        Variable::Text(text) if strict => format!("Literal[{}]", literal(text)),
        Variable::Text(_) | Variable::Secret(_) => "str".to_owned(),
        Variable::Json(_) => "Any".to_owned(),
    }
}

/// A text as Python writes it: JSON's escapes are Python's, but for the halves of characters beyond 16 bits, which JSON
/// may write and `serde_json` does not.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Python's hard keywords, which no attribute can be called.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

fn is_identifier(name: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let begins = name.starts_with(|first: char| !first.is_ascii_digit());
    begins && name.chars().all(is_word) && !KEYWORDS.contains(&name)
}

fn class_name(given: &str) -> Result<String, String> {
    let usable = is_identifier(given);
    usable.then(|| given.to_owned()).ok_or_else(|| "it is not a name that Python takes for a class".into())
}
