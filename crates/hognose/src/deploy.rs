//! `hognose deploy`: a project as it is now becomes a version of its Worker on a running server.

use std::path::PathBuf;
use std::rc::Rc;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::build;
use crate::cli::ServerArguments;
use crate::console::Console;
use crate::deployments::{Upload, UploadedVersion};
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::plan;
use crate::project::Reader;
use crate::remarks::Remarks;
use crate::target::{TargetArguments, block_on};

/// The options of `deploy` and of `versions upload`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DeployArguments {
    /// The Worker's folder
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    pub directory: PathBuf,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Set a variable of the Worker's `env`; may be repeated
    #[arg(long, value_name = "NAME:VALUE", value_parser = hognose_config::parse_variable)]
    pub var: Vec<(String, String)>,
    /// What to call the version
    #[arg(long, default_value = "")]
    pub tag: String,
    /// What to say about it
    #[arg(long, default_value = "")]
    pub message: String,
    /// Check the project, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the version as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Deserialize)]
struct Deployed {
    worker: String,
    version: UploadedVersion,
}

/// Deploys the project.
pub(crate) fn deploy(
    arguments: &DeployArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    send(arguments, true, interpreter, console)
}

/// Makes a version of the project that does not serve yet.
pub(crate) fn upload(
    arguments: &DeployArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    send(arguments, false, interpreter, console)
}

fn send(
    arguments: &DeployArguments,
    activate: bool,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let configuration = arguments.target.configuration(&arguments.directory)?;
    let environment = arguments.target.environment().map(str::to_owned);
    let options = ServerArguments {
        env: environment.clone(),
        var: arguments.var.clone(),
        ..ServerArguments::default()
    };
    // Read here too, so that what is wrong with it is said where it was typed.
    let reader = Reader {
        configuration: configuration.clone(),
        options: Rc::new(options),
        release: interpreter.release,
        remarks: Rc::new(Remarks::new(console)),
        label: None,
    };
    let project = reader.read()?;
    if arguments.dry_run {
        Console::print(&format!("`{}` can be deployed (nothing was)", plan::name(&project.plan)));
        return Ok(());
    }
    build::run(
        "deploy",
        &project.plan,
        plan::python_modules(&project.plan).as_deref(),
        interpreter,
        console,
    )?;
    let upload = Upload {
        configuration: configuration.path.clone(),
        environment,
        vars: arguments.var.clone(),
        tag: arguments.tag.clone(),
        message: arguments.message.clone(),
        activate,
    };
    let control = match &arguments.target.persist_to {
        Some(_) => arguments.target.control()?,
        None => crate::control::Control::new(&configuration.folder().join(crate::state::FOLDER)),
    };
    let Deployed { worker, version } = block_on(control.post("/workers", &upload))?;
    let done = if activate { "Deployed" } else { "Uploaded" };
    if arguments.json {
        Console::print(&json!({ "worker": worker, "version": version }).to_string());
    } else {
        Console::print(&format!("{done} `{worker}`, version {} ({})", version.number, version.id));
    }
    Ok(())
}
