//! Which server and which Worker a command is about, for commands that talk to a running server.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use tokio::runtime;

use crate::cli::ServerArguments;
use crate::console::Console;
use crate::control::Control;
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::plan;
use crate::project::{self, Configuration, Project, Reader};
use crate::remarks::Remarks;
use crate::state;

/// Options that say which project is meant, and with it which server.
#[derive(Clone, Debug, Args)]
pub(crate) struct TargetArguments {
    /// Read this configuration instead of looking for one in this folder and those above it
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use this environment of the configuration
    #[arg(short, long, env = "CLOUDFLARE_ENV", hide_env_values = true, value_name = "NAME")]
    pub env: Option<String>,
    /// The state folder of the server [default: `.hognose` beside the configuration]
    #[arg(long, env = "HOGNOSE_STATE", value_name = "FOLDER")]
    pub persist_to: Option<PathBuf>,
}

impl TargetArguments {
    /// The configuration that is meant.
    pub(crate) fn configuration(&self, directory: &Path) -> Result<Configuration, CommandError> {
        match &self.config {
            Some(path) => Configuration::named(path),
            None => Configuration::find(directory),
        }
    }

    /// The environment that is meant; an empty `CLOUDFLARE_ENV` chooses none.
    pub(crate) fn environment(&self) -> Option<&str> {
        self.env.as_deref().filter(|name| !name.is_empty())
    }

    /// Reads the project that is meant as `dev` would.
    pub(crate) fn project(
        &self,
        interpreter: &Interpreter,
        console: Console,
    ) -> Result<Project, CommandError> {
        let options = ServerArguments {
            env: self.env.clone(),
            persist_to: self.persist_to.clone(),
            ..ServerArguments::default()
        };
        let reader = Reader {
            configuration: self.configuration(Path::new("."))?,
            options: Rc::new(options),
            release: interpreter.release,
            remarks: Rc::new(Remarks::new(console)),
            label: None,
        };
        reader.read()
    }

    /// The server that is meant. Where its state folder is named, no project is needed.
    pub(crate) fn control(&self) -> Result<Control, CommandError> {
        match (&self.persist_to, &self.config) {
            (Some(folder), _) => Ok(Control::new(folder)),
            (None, Some(file)) => Ok(Control::new(&Configuration::named(file)?.folder().join(state::FOLDER))),
            (None, None) => Ok(Control::new(&Configuration::of_state()?.folder().join(state::FOLDER))),
        }
    }

    /// The name given, else that of the project's Worker.
    pub(crate) fn worker(&self, named: Option<&String>, console: Console) -> Result<String, CommandError> {
        if let Some(name) = named {
            return Ok(name.clone());
        }
        let configuration = self.configuration(Path::new(".")).map_err(|error| match error {
            CommandError::NoConfiguration(folder) => CommandError::WhichWorker(folder),
            other => other,
        })?;
        let plan = project::plan(&configuration, self.environment(), &Remarks::new(console))?;
        Ok(plan::name(&plan).to_owned())
    }
}

/// Runs what talks to a server to its end.
pub(crate) fn block_on<T>(task: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(CommandError::Runtime)?.block_on(task)
}
