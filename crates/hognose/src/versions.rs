//! `hognose versions`, `deployments`, `rollback` and `delete`: what was deployed to a running server.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use crate::console::Console;
use crate::control::Control;
use crate::deploy::DeployArguments;
use crate::deployments::{Deployment, UploadedVersion};
use crate::error::CommandError;
use crate::target::{TargetArguments, block_on};

#[derive(Debug, Args)]
pub(crate) struct VersionsArguments {
    #[command(subcommand)]
    pub command: VersionsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VersionsCommand {
    /// The versions that are kept, the newest first
    List(WorkerArguments),
    /// All that is known of one version
    View {
        /// The version's id, or the beginning of it
        version: String,
        #[command(flatten)]
        worker: WorkerArguments,
    },
    /// Make a version of the project that does not serve yet
    Upload(DeployArguments),
    /// Let a version serve
    Deploy(RollbackArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DeploymentsArguments {
    #[command(subcommand)]
    pub command: DeploymentsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeploymentsCommand {
    /// All that are remembered, the newest last
    List(WorkerArguments),
    /// What serves now
    Status(WorkerArguments),
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// The Worker [default: the one of this folder's configuration]
    #[arg(long, value_name = "WORKER")]
    pub name: Option<String>,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    /// The version's id, or the beginning of it [default: the one deployed before the present one]
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
    #[command(flatten)]
    pub worker: WorkerArguments,
    /// Why
    #[arg(short, long, default_value = "")]
    pub message: String,
    /// Ask nothing; hognose never does
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The Worker [default: the one of this folder's configuration]
    #[arg(value_name = "WORKER")]
    pub name: Option<String>,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Say what would be deleted, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing; hognose never does
    #[arg(long)]
    pub force: bool,
}

/// A server, and a Worker on it.
struct Deployed {
    control: Control,
    worker: String,
}

impl Deployed {
    fn new(arguments: &WorkerArguments, console: Console) -> Result<Self, CommandError> {
        let worker = arguments.target.worker(arguments.name.as_ref(), console)?;
        Ok(Self { control: arguments.target.control()?, worker })
    }

    fn path(&self, what: &str) -> String {
        format!("/workers/{}/{what}", self.worker)
    }

    fn versions(&self) -> Result<Vec<UploadedVersion>, CommandError> {
        block_on(self.control.get(&self.path("versions")))
    }

    fn history(&self) -> Result<Vec<Deployment>, CommandError> {
        block_on(self.control.get(&self.path("deployments")))
    }

    fn version(&self, id: &str) -> Result<UploadedVersion, CommandError> {
        let missing = || CommandError::NoVersion { worker: self.worker.clone(), id: id.to_owned() };
        self.versions()?.into_iter().find(|version| version.id.starts_with(id)).ok_or_else(missing)
    }

    /// The version that served before the one that serves now.
    fn before(&self) -> Result<String, CommandError> {
        let history = self.history()?;
        let now = history.last().ok_or_else(|| CommandError::NotDeployed(self.worker.clone()))?;
        let before = history.iter().rev().find(|deployment| deployment.version_id != now.version_id);
        before
            .map(|before| before.version_id.clone())
            .ok_or_else(|| CommandError::NothingBefore(self.worker.clone()))
    }
}

/// `hognose versions`.
pub(crate) fn versions(
    arguments: &VersionsArguments,
    interpreter: &crate::interpreter::Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    match &arguments.command {
        VersionsCommand::List(arguments) => {
            let versions = Deployed::new(arguments, console)?.versions()?;
            show(arguments.json, &versions, |version| {
                let UploadedVersion { id, number, created_on, tag, message, .. } = version;
                format!("{id}  {number:>3}  {created_on}  {tag} {message}")
            });
            Ok(())
        }
        VersionsCommand::View { version, worker } => {
            let version = Deployed::new(worker, console)?.version(version)?;
            Console::print(&pretty(&version));
            Ok(())
        }
        VersionsCommand::Upload(arguments) => crate::deploy::upload(arguments, interpreter, console),
        VersionsCommand::Deploy(arguments) => rollback(arguments, console),
    }
}

/// `hognose deployments`.
pub(crate) fn deployments(arguments: &DeploymentsArguments, console: Console) -> Result<(), CommandError> {
    let (arguments, only_last) = match &arguments.command {
        DeploymentsCommand::List(arguments) => (arguments, false),
        DeploymentsCommand::Status(arguments) => (arguments, true),
    };
    let mut history = Deployed::new(arguments, console)?.history()?;
    if only_last {
        history.drain(..history.len().saturating_sub(1));
    }
    show(arguments.json, &history, |deployment| {
        let Deployment { version_id, created_on, message } = deployment;
        format!("{created_on}  {version_id}  {message}")
    });
    Ok(())
}

/// `hognose rollback`, and `hognose versions deploy`.
pub(crate) fn rollback(arguments: &RollbackArguments, console: Console) -> Result<(), CommandError> {
    let deployed = Deployed::new(&arguments.worker, console)?;
    let version = match &arguments.version {
        Some(version) => deployed.version(version)?.id,
        None => deployed.before()?,
    };
    let wanted = json!({ "version_id": version, "message": arguments.message });
    let done: Deployment = block_on(deployed.control.post(&deployed.path("deployments"), &wanted))?;
    if arguments.worker.json {
        Console::print(&pretty(&done));
    } else {
        Console::print(&format!("`{}` is served by version {}", deployed.worker, done.version_id));
    }
    Ok(())
}

/// `hognose delete`.
pub(crate) fn delete(arguments: &DeleteArguments, console: Console) -> Result<(), CommandError> {
    let worker = arguments.target.worker(arguments.name.as_ref(), console)?;
    let deployed = Deployed { control: arguments.target.control()?, worker };
    if arguments.dry_run {
        let count = deployed.versions()?.len();
        Console::print(&format!("`{}` and its {count} versions would be deleted", deployed.worker));
        return Ok(());
    }
    let _nothing: Value = block_on(deployed.control.delete(&format!("/workers/{}", deployed.worker)))?;
    Console::print(&format!("Deleted `{}`; its data is kept", deployed.worker));
    Ok(())
}

fn show<T: Serialize>(as_json: bool, all: &[T], line: impl Fn(&T) -> String) {
    if as_json {
        Console::print(&pretty(all));
    } else if all.is_empty() {
        Console::print("Nothing was deployed");
    } else {
        for one in all {
            Console::print(line(one).trim_end());
        }
    }
}

fn pretty<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("invariant: it has a JSON form")
}
