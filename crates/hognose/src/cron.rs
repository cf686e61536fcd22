//! `hognose cron`: what is due when, and running a `scheduled` handler by hand.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hognose_config::{Date, Plan, Schedule};
use hognose_services::crons::RunLog;
use hognose_services::{Clock, SystemClock};
use hognose_supervisor::{Outcome, Server};
use serde_json::{Value, json};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::ServerArguments;
use crate::console::Console;
use crate::control::Control;
use crate::error::CommandError;
use crate::events;
use crate::interpreter::Interpreter;
use crate::project::{self, Configuration};
use crate::remarks::Remarks;
use crate::session::{DRAIN_MAX, EVENTS_WAITING_MAX, Mode, Session};
use crate::target::{TargetArguments, block_on};
use crate::{format, plan, state};

/// Work with cron triggers
#[derive(Debug, Args)]
pub(crate) struct CronArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the schedules of a Worker, when each ran last and when it is due next, in UTC
    List {
        /// The Worker's folder
        #[arg(default_value = ".")]
        directory: PathBuf,
        /// Use this environment of the configuration
        #[arg(short, long, env = "CLOUDFLARE_ENV", hide_env_values = true, value_name = "NAME")]
        env: Option<String>,
        /// The folder with the data [default: `.hognose` beside the configuration]
        #[arg(long, value_name = "FOLDER")]
        persist_to: Option<PathBuf>,
    },
    /// Run a Worker's `scheduled` handler once: in the server that runs on its state, else in one that stops afterwards
    Run(Box<RunArguments>),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// The schedule that the handler is told of [default: the first of the configuration]
    #[arg(value_name = "CRON")]
    cron: Option<String>,
    /// The time it is told, in milliseconds since the epoch [default: now]
    #[arg(long, value_name = "MS")]
    time: Option<f64>,
    /// The Worker's folder
    #[arg(long, default_value = ".")]
    directory: PathBuf,
    #[command(flatten)]
    options: ServerArguments,
}

/// Runs one of the commands, and gives the exit status: 1 where the handler has failed.
pub(crate) fn cron(
    arguments: &CronArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<u8, CommandError> {
    match &arguments.command {
        Command::List { directory, env, persist_to } => {
            list(directory, env.as_deref(), persist_to.as_deref(), console)
        }
        Command::Run(arguments) => run(arguments, interpreter, console),
    }
}

fn list(
    directory: &Path,
    environment: Option<&str>,
    persist_to: Option<&Path>,
    console: Console,
) -> Result<u8, CommandError> {
    let configuration = Configuration::find(directory)?;
    let environment = environment.filter(|name| !name.is_empty());
    let plan = project::plan(&configuration, environment, &Remarks::new(console))?;
    let beside = configuration.folder().join(state::FOLDER);
    let state = persist_to.unwrap_or(&beside);
    format::settle(state)?;
    let folder = state.join("crons");
    let log = folder.is_dir().then(|| open_log(&folder)).transpose()?;
    if plan.crons.is_empty() {
        Console::print("The configuration has no `triggers.crons`");
    }
    for schedule in &plan.crons {
        Console::print(&row(&plan, schedule, log.as_ref()));
    }
    Ok(0)
}

fn open_log(folder: &Path) -> Result<RunLog, CommandError> {
    let unopened = |source| CommandError::Storage { folder: folder.to_owned(), source: Box::new(source) };
    RunLog::open(&folder.join("crons.sqlite")).map_err(unopened)
}

fn row(worker: &Plan, schedule: &Schedule, log: Option<&RunLog>) -> String {
    let last = log.and_then(|log| log.last_run(plan::name(worker), schedule.text()).ok().flatten());
    let next = schedule.next_after(SystemClock.now_ms());
    let shown = |time_ms: Option<i64>| time_ms.map_or("never".into(), minute);
    format!("{schedule}  last: {}  next: {}", shown(last), shown(next))
}

/// `YYYY-MM-DD HH:MM`
fn minute(time_ms: i64) -> String {
    let minutes = time_ms / 60_000;
    let date = Date::from_unix_seconds((time_ms / 1000).max(0) as u64);
    format!("{date} {:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

fn run(arguments: &RunArguments, interpreter: &Interpreter, console: Console) -> Result<u8, CommandError> {
    let target = TargetArguments {
        config: arguments.options.config.first().cloned(),
        env: arguments.options.env.clone(),
        persist_to: arguments.options.persist_to.clone(),
    };
    let configuration = target.configuration(&arguments.directory)?;
    let beside = configuration.folder().join(state::FOLDER);
    let control = Control::new(target.persist_to.as_deref().unwrap_or(&beside));
    let outcome = if control.is_served() {
        let worker = project::plan(&configuration, target.environment(), &Remarks::new(console))?;
        run_in_server(arguments, &worker, &control)?
    } else {
        run_here(arguments, interpreter, console)?.name().to_owned()
    };
    Console::print(&outcome);
    Ok(u8::from(outcome != Outcome::Ok.name()))
}

impl RunArguments {
    fn schedule(&self, worker: &Plan) -> String {
        let first = || worker.crons.first().map(|schedule| schedule.text().to_owned());
        self.cron.clone().or_else(first).unwrap_or_default()
    }

    fn time_ms(&self) -> f64 {
        self.time.unwrap_or_else(|| SystemClock.now_ms() as f64)
    }
}

fn run_here(
    arguments: &RunArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<Outcome, CommandError> {
    let options = ServerArguments { port: Some(0), ..arguments.options.clone() };
    let directories = std::slice::from_ref(&arguments.directory);
    let (session, projects) = Session::open(Mode::Dev, directories, &options, interpreter, console)?;
    let worker = &projects[0].plan;
    let (cron, time_ms) = (arguments.schedule(worker), arguments.time_ms());
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(CommandError::Runtime)?.block_on(async {
        let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let mut options = session.server_options(&projects, sender)?;
        // By hand only: the clock is another server's.
        options.workers.iter_mut().for_each(|version| version.crons = None);
        let server = Server::start(options).await?;
        let shown = tokio::spawn(events::show(events, CancellationToken::new(), false, None, console));
        let ran = server.run_scheduled(plan::name(worker), &cron, time_ms).await;
        server.shutdown(DRAIN_MAX).await;
        // The last senders have gone with the server.
        let _all_shown = shown.await;
        // That it does not load was shown as an event.
        Ok(ran.map_or(Outcome::Exception, |ran| ran.outcome))
    })
}

/// Has the server that works on the state folder run it, and gives the outcome's name.
fn run_in_server(arguments: &RunArguments, worker: &Plan, control: &Control) -> Result<String, CommandError> {
    let path = format!("/workers/{}/scheduled", plan::name(worker));
    let wanted = json!({ "cron": arguments.schedule(worker), "time": arguments.time_ms() });
    let ran: Value = block_on(control.post(&path, &wanted))?;
    Ok(ran["outcome"].as_str().unwrap_or_default().to_owned())
}
