//! `hognose workflows`: the instances of workflows from the command line. The commands work on the file itself, whether
//! or not a server runs on it; one that does sees within a second what was changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use hognose_config::{Date, Plan, Workflow};
use hognose_services::workflows::{InstanceRow, StepRow, WorkflowError, Workflows};
use hognose_services::{SystemClock, block_on};
use hognose_wire::workflows::{Action, NewInstance, SendEvent, StepKind, StepName};
use serde_json::Value;

use crate::clones::{packed, shown};
use crate::console::Console;
use crate::error::CommandError;
use crate::project::{self, Configuration};
use crate::remarks::Remarks;
use crate::{format, state};

/// The instance that was made last.
const LATEST: &str = "latest";

/// Stands for what a step has given whose configuration says `sensitive`.
const REDACTED: &str = "[REDACTED]";

/// Work with Workflows
#[derive(Debug, Args)]
pub(crate) struct WorkflowsArguments {
    #[command(subcommand)]
    command: Command,
    /// Read this configuration instead of looking for one
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this environment of the configuration
    #[arg(short, long, global = true, env = "CLOUDFLARE_ENV", hide_env_values = true, value_name = "NAME")]
    env: Option<String>,
    /// The folder with the data [default: `.hognose` beside the configuration]
    #[arg(long, global = true, value_name = "FOLDER")]
    persist_to: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the workflows of the configuration
    List,
    /// Show one workflow, and how many of its instances are in which state
    Describe {
        /// The workflow
        name: String,
    },
    /// Make an instance, which runs as soon as a server does
    Trigger {
        /// The workflow
        name: String,
        /// Its parameters, as JSON
        #[arg(default_value = "{}", value_parser = json_value)]
        params: Value,
        /// The instance's id [default: a random one]
        #[arg(long)]
        id: Option<String>,
    },
    /// Work with instances
    #[command(subcommand)]
    Instances(Instances),
}

#[derive(Debug, Subcommand)]
enum Instances {
    /// List them, the newest first
    List {
        /// The workflow
        name: String,
        /// Only those in this state: queued, running, waiting, paused, complete, errored or terminated
        #[arg(long)]
        status: Option<String>,
    },
    /// Show an instance and its steps
    Describe(Target),
    /// Send an instance an event
    SendEvent {
        #[command(flatten)]
        target: Target,
        /// The event's type
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
        /// What it brings, as JSON
        #[arg(long, default_value = "null", value_parser = json_value)]
        payload: Value,
    },
    /// Let an instance finish the steps that run, and begin no other
    Pause(Target),
    /// Let a paused instance go on
    Resume(Target),
    /// Run an instance from the top, or from one of its steps
    Restart {
        #[command(flatten)]
        target: Target,
        /// Keep what the steps before the one of this name have given
        #[arg(long, value_name = "STEP")]
        from: Option<String>,
    },
    /// End an instance
    Terminate(Target),
    /// Forget an instance
    Delete(Target),
}

#[derive(Debug, Args)]
struct Target {
    /// The workflow
    name: String,
    /// The instance's id, or `latest`
    #[arg(default_value = LATEST)]
    id: String,
}

fn json_value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// Runs one of the commands.
pub(crate) fn workflows(arguments: &WorkflowsArguments, console: Console) -> Result<(), CommandError> {
    let configuration = match &arguments.config {
        Some(path) => Configuration::named(path)?,
        None => Configuration::find(Path::new("."))?,
    };
    let environment = arguments.env.as_deref().filter(|name| !name.is_empty());
    let plan = project::plan(&configuration, environment, &Remarks::new(console))?;
    let beside = || configuration.folder().join(state::FOLDER);
    let state = arguments.persist_to.clone().unwrap_or_else(beside);
    format::settle(&state)?;
    let opened = Opened { store: open(&state.join("workflows"))?, plan, configuration: configuration.path };
    match &arguments.command {
        Command::List => {
            opened.list();
            Ok(())
        }
        Command::Describe { name } => opened.describe(name),
        Command::Trigger { name, params, id } => opened.trigger(name, params, id.as_deref()),
        Command::Instances(command) => opened.instances(command),
    }
}

fn open(folder: &Path) -> Result<Workflows, CommandError> {
    fs::create_dir_all(folder).map_err(|source| CommandError::State { path: folder.to_owned(), source })?;
    Workflows::open(&folder.join("workflows.sqlite"), Arc::new(SystemClock))
        .map_err(|source| CommandError::Storage { folder: folder.to_owned(), source: source.into() })
}

/// The file, and the configuration that says what is in it.
struct Opened {
    store: Workflows,
    plan: Plan,
    configuration: PathBuf,
}

impl Opened {
    fn list(&self) {
        if self.plan.workflows.is_empty() {
            Console::print("The configuration has no `workflows`");
        }
        for workflow in &self.plan.workflows {
            Console::print(&title(workflow));
        }
    }

    fn describe(&self, name: &str) -> Result<(), CommandError> {
        Console::print(&title(self.workflow(name)?));
        let rows = self.store.list(name, None).map_err(failed(name))?;
        let mut states: Vec<&str> = rows.iter().map(|row| row.status.status.as_str()).collect();
        states.sort_unstable();
        for state in states.chunk_by(|one, other| one == other) {
            Console::print(&format!("{}: {}", state[0], state.len()));
        }
        Ok(())
    }

    fn trigger(&self, name: &str, params: &Value, id: Option<&str>) -> Result<(), CommandError> {
        self.workflow(name)?;
        let id = id.map_or_else(random_id, str::to_owned);
        let params = packed(params).to_string();
        let new = NewInstance { id: id.clone(), params, success_kept_ms: None, error_kept_ms: None };
        block_on(self.store.create(name, vec![new], false).wait()).map_err(failed(&id))?;
        Console::print(&id);
        Ok(())
    }

    fn instances(&self, command: &Instances) -> Result<(), CommandError> {
        match command {
            Instances::List { name, status } => {
                self.workflow(name)?;
                let rows = self.store.list(name, status.as_deref()).map_err(failed(name))?;
                for row in &rows {
                    Console::print(&instance_line(row));
                }
                Ok(())
            }
            Instances::Describe(target) => self.describe_instance(target),
            Instances::SendEvent { target, kind, payload } => {
                let id = self.id(target)?;
                let event = SendEvent { id, kind: kind.clone(), payload: packed(payload).to_string() };
                let sent = self.store.send_event(&target.name, event);
                block_on(sent.wait()).map_err(failed(&target.id))
            }
            Instances::Pause(target) => self.control(target, Action::Pause),
            Instances::Resume(target) => self.control(target, Action::Resume),
            Instances::Restart { target, from: None } => self.control(target, Action::Restart),
            Instances::Restart { target, from: Some(step) } => self.restart_from(target, step),
            Instances::Terminate(target) => self.control(target, Action::Terminate),
            Instances::Delete(target) => self.control(target, Action::Delete),
        }
    }

    fn describe_instance(&self, target: &Target) -> Result<(), CommandError> {
        let id = self.id(target)?;
        let rows = self.store.list(&target.name, None).map_err(failed(&id))?;
        let row = rows.iter().find(|row| row.id == id);
        let row = row.ok_or_else(|| failed(&id)(WorkflowError::NotFound))?;
        Console::print(&instance_line(row));
        if let Some(error) = &row.status.error {
            Console::print(&format!("error: {}: {}", error.name, error.message));
        }
        if let Some(output) = &row.status.output {
            Console::print(&format!("output: {}", shown(output)));
        }
        for step in self.store.steps(&target.name, &id).map_err(failed(&id))? {
            Console::print(&format!("  {}", step_line(&step)));
        }
        Ok(())
    }

    fn control(&self, target: &Target, action: Action) -> Result<(), CommandError> {
        let id = self.id(target)?;
        block_on(self.store.control(&target.name, &id, action).wait()).map_err(failed(&id))
    }

    fn restart_from(&self, target: &Target, step: &str) -> Result<(), CommandError> {
        let id = self.id(target)?;
        let step = StepName { name: step.to_owned(), count: 1, kind: StepKind::Do };
        block_on(self.store.restart_from(&target.name, &id, step).wait()).map_err(failed(&id))
    }

    /// The instance that is meant.
    fn id(&self, Target { name, id }: &Target) -> Result<String, CommandError> {
        self.workflow(name)?;
        if id != LATEST {
            return Ok(id.clone());
        }
        let newest = self.store.list(name, None).map_err(failed(name))?.into_iter().next();
        newest.map(|row| row.id).ok_or_else(|| failed(LATEST)(WorkflowError::NotFound))
    }

    fn workflow(&self, name: &str) -> Result<&Workflow, CommandError> {
        let known = self.plan.workflows.iter().find(|workflow| workflow.name == name);
        known.ok_or_else(|| CommandError::UnknownWorkflow {
            name: name.to_owned(),
            configuration: project::relative(&self.configuration),
        })
    }
}

fn failed(what: &str) -> impl FnOnce(WorkflowError) -> CommandError {
    let what = what.to_owned();
    move |source| CommandError::Workflow { what, source }
}

fn title(workflow: &Workflow) -> String {
    let Workflow { name, class_name, script_name, .. } = workflow;
    let of = script_name.as_ref().map(|script| format!(" of Worker: {script}")).unwrap_or_default();
    format!("{name}  class: {class_name}{of}")
}

fn instance_line(row: &InstanceRow) -> String {
    let ended = row.ended_ms.map(|ended_ms| format!("  ended: {}", time(ended_ms))).unwrap_or_default();
    format!("{}  {}  created: {}{ended}", row.id, row.status.status, time(row.created_ms))
}

fn step_line(step: &StepRow) -> String {
    let attempts: Vec<Value> = serde_json::from_str(&step.attempts).unwrap_or_default();
    let attempts = attempts.iter().zip(1..).map(|(attempt, number): (&Value, usize)| {
        let ms = |key: &str| attempt[key].as_i64().unwrap_or_default();
        let error = attempt["error"]["message"].as_str().map(|text| format!(" ({text})"));
        let took_ms = ms("endedMs") - ms("startedMs");
        format!("  attempt {number}: {took_ms} ms{}", error.unwrap_or_default())
    });
    let due_ms = step.due_ms.filter(|_| step.state == "waiting");
    let until = due_ms.map(|due_ms| format!(" until {}", time(due_ms))).unwrap_or_default();
    let output = step_output(step).map(|output| format!("  output: {output}")).unwrap_or_default();
    format!("{}  {}{until}{}{output}", step.name, step.state, attempts.collect::<String>())
}

/// What a step gave, where it may be shown.
pub(crate) fn step_output(step: &StepRow) -> Option<Value> {
    let packed = step.value.as_deref()?;
    Some(if step.is_sensitive { REDACTED.into() } else { shown(packed) })
}

/// `YYYY-MM-DD HH:MM:SS`, UTC
fn time(time_ms: i64) -> String {
    let seconds = (time_ms / 1000).max(0) as u64;
    let date = Date::from_unix_seconds(seconds);
    format!("{date} {:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// An id as `crypto.randomUUID()` makes it, which every instance made by a Worker has.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("invariant: the system gives random bytes");
    let digits = format!("{:032x}", u128::from_ne_bytes(bytes));
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}
