//! `hognose doctor` and `hognose check`: whether this machine, or a project, has what it takes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;
use hognose_config::Plan;
use serde_json::{Value, json};

use crate::cli::ServerArguments;
use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::project::{Configuration, Project, Reader};
use crate::remarks::Remarks;
use crate::{banner, packages, plan};

/// The options of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The Workers' folders
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    pub directories: Vec<PathBuf>,
    /// Use this environment of the configuration
    #[arg(short, long, env = "CLOUDFLARE_ENV", hide_env_values = true, value_name = "NAME")]
    pub env: Option<String>,
    /// Print a JSON list with an object for each project
    #[arg(long)]
    pub json: bool,
}

/// Reads projects as `dev` would, and says what is in them, what is wrong, and what Cloudflare would do otherwise.
pub(crate) fn check(
    arguments: &CheckArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let options = Rc::new(ServerArguments { env: arguments.env.clone(), ..ServerArguments::default() });
    let remarks = Rc::new(Remarks::new(console));
    let mut described = Vec::new();
    for directory in &arguments.directories {
        let reader = Reader {
            configuration: Configuration::find(directory)?,
            options: Rc::clone(&options),
            release: interpreter.release,
            remarks: Rc::clone(&remarks),
            label: None,
        };
        let project = reader.read()?;
        if arguments.json { described.push(as_json(&project)) } else { describe(&project) }
    }
    if arguments.json {
        Console::print(&format!("{:#}", Value::from(described)));
    }
    Ok(())
}

/// What `check --json` says of a project.
fn as_json(project: &Project) -> Value {
    let Project { configuration, plan, python, .. } = project;
    json!({
        "name": plan::name(plan),
        "configuration": configuration,
        "main": plan.main,
        "base_dir": plan.base_dir,
        "packages": python.as_ref().map(|python| &python.wants.dependencies),
        "env": banner::bindings(plan).collect::<Vec<_>>(),
        "differences": differences(project),
    })
}

fn describe(project: &Project) {
    Console::print(&format!("{}: its configuration is sound", plan::name(&project.plan)));
    for text in banner::bindings(&project.plan) {
        Console::print(&format!("  env        {text}"));
    }
    let wanted = project.python.iter().flat_map(|python| &python.wants.dependencies);
    for package in wanted {
        Console::print(&format!("  package    {package}"));
    }
    for text in differences(project) {
        Console::print(&format!("  Cloudflare {text}"));
    }
}

/// What Cloudflare would do otherwise with this very project.
fn differences(project: &Project) -> Vec<String> {
    let mut differences = Vec::new();
    if project.plan.compatibility_date.is_none() {
        differences.push("refuses a Worker without `compatibility_date`".to_owned());
    }
    for class in classes_without_migration(&project.plan) {
        differences.push(format!(
            "makes no Durable Objects of `{class}` unless a step of `migrations` has it in `new_sqlite_classes`"
        ));
    }
    if project.python.as_ref().is_some_and(|python| !python.wants.dependencies.is_empty()) {
        let packages = "loads pure Python packages and those built for Pyodide; hognose any wheel";
        differences.push(packages.to_owned());
    }
    if !project.plan.kv_namespaces.is_empty() {
        let seen = "shows a write to KV elsewhere after up to a minute; hognose at once";
        differences.push(seen.to_owned());
    }
    differences
}

/// The classes of the Worker's own that are bound and that no migration brings into being.
fn classes_without_migration(plan: &Plan) -> BTreeSet<&str> {
    let bound = plan.objects.iter().filter(|object| object.script.is_none());
    let mut classes: BTreeSet<&str> = bound.map(|object| object.class.as_str()).collect();
    for migration in &plan.migrations {
        let renamed = migration.renamed_classes.iter().map(|(_, class)| class);
        let transferred = migration.transferred_classes.iter().map(|(_, _, class)| class);
        let new = migration.new_classes.iter().chain(&migration.new_sqlite_classes);
        for class in new.chain(renamed).chain(transferred) {
            classes.remove(class.as_str());
        }
    }
    classes
}

/// Says what this machine has of what hognose uses, and how to get the rest; 1 where Workers would not run.
pub(crate) fn doctor(interpreter: &Interpreter) -> u8 {
    let python = format!("Python {} ({})", interpreter.version(), interpreter.executable.display());
    Console::print(&format!("ok     {python}"));
    let sdk =
        ["pyodide", "workers"].map(|package| (package, interpreter.site_packages.join(package).is_dir()));
    for (package, found) in sdk {
        let advice =
            if found { "" } else { ": install hognose again, `pip install --force-reinstall hognose`" };
        Console::print(&format!("{}  package `{package}`{advice}", word(found)));
    }
    let uv = packages::find_uv(interpreter);
    let advice = if uv.is_some() { "" } else { ", which installs the packages of Workers: `pip install uv`" };
    Console::print(&format!("{}  uv{advice}", word(uv.is_some())));
    let lacking = hognose_jail::probe().lacking();
    if lacking.is_empty() {
        Console::print("ok     the lock around cells");
    }
    for what in lacking {
        Console::print(&format!("lacks  {what}"));
    }
    u8::from(sdk.iter().any(|(_, found)| !found))
}

fn word(found: bool) -> &'static str {
    if found { "ok   " } else { "lacks" }
}
