//! `hognose dev` and `hognose serve`: from a folder to a Worker that answers, until a signal says stop.
//!
//! The order matters: what can be wrong with the project is found before the state is touched, the state is locked
//! before anything is written into it, and the address is known to be free before a cell is started.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use hognose_config::Settings;
use hognose_supervisor::{EgressOptions, PoolOptions, ReplaceError, Server, ServerEvent, ServerOptions};
use hognose_wire::control::Base;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cli::ServerArguments;
use crate::console::Console;
use crate::engines::Engines;
use crate::error::CommandError;
use crate::events;
use crate::interpreter::Interpreter;
use crate::packages;
use crate::plan;
use crate::project::{Configuration, Project, Reader};
use crate::remarks::Remarks;
use crate::signals::StopSignals;
use crate::state::{self, State};
use crate::watch::Watch;
use crate::{address, banner};

/// Events that may wait to be shown; beyond them the server drops some and says how many.
pub(crate) const EVENTS_WAITING_MAX: usize = 4096;

/// How long requests in flight may take to finish after a signal. A second signal does not wait for them.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How long the last events may take to be shown.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// The two ways to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reload on change, show tracebacks to clients, build packages from source where there is no wheel.
    Dev,
    /// None of these.
    Serve,
    /// Run its tests.
    Test {
        /// Whether they may reach private addresses.
        allow_local_network: bool,
    },
}

/// Serves the Worker of `directories` until a signal comes.
pub(crate) fn serve(
    mode: Mode,
    directories: &[PathBuf],
    options: &ServerArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let [directory] = directories else { return Err(CommandError::SeveralWorkers(directories.len())) };
    let (session, project) = Session::open(mode, directory, options, interpreter, console)?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(CommandError::Runtime)?.block_on(session.run(project))
}

/// What stays the same through all reloads.
pub(crate) struct Session<'a> {
    mode: Mode,
    reader: Reader<'a>,
    interpreter: &'a Interpreter,
    console: Console,
    state: State,
    engines: Engines,
}

impl<'a> Session<'a> {
    /// Reads a project and opens its state.
    pub(crate) fn open(
        mode: Mode,
        directory: &Path,
        options: &'a ServerArguments,
        interpreter: &'a Interpreter,
        console: Console,
    ) -> Result<(Self, Project), CommandError> {
        let configuration = Configuration::find(directory, options.config.as_deref())?;
        let beside = configuration.folder().join(state::FOLDER);
        let reader =
            Reader { configuration, options, release: interpreter.release, remarks: Remarks::new(console) };
        let project = reader.read()?;
        let folder = options.persist_to.clone().unwrap_or(beside);
        let state = State::open(&folder)?;
        let engines = Engines::open(&state)?;
        Ok((Self { mode, reader, interpreter, console, state, engines }, project))
    }

    async fn run(&self, project: Project) -> Result<(), CommandError> {
        let mut stop = StopSignals::listen()?;
        let packages = self.packages(&project)?;
        packages::prune(&self.state.folder("packages")?, packages.as_deref())?;
        let watch = (self.mode == Mode::Dev).then(|| Watch::begin(project.watched.clone())).transpose()?;
        let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let options = self.server_options(&project, packages.as_deref(), sender)?;
        let server = Server::start(options).await?;
        self.console.banner(&banner::rows(&project.plan, &self.reader.configuration, self.interpreter));
        self.console.ready(&address::url(server.local_addr()));
        let shown = tokio::spawn(events::show(events, self.console));
        let served = self.until_stopped(&server, watch, &mut stop).await;
        self.console.note("Stopping");
        // Dropped rather than shut down, the server's cells end with their sockets.
        tokio::select! {
            () = server.shutdown(DRAIN_MAX) => {}
            () = stop.next() => {}
        }
        let _all_of_them = timeout(LAST_WORDS_MAX, shown).await;
        served
    }

    /// What a server for the project is started with.
    pub(crate) fn server_options(
        &self,
        project: &Project,
        packages: Option<&Path>,
        events: mpsc::Sender<ServerEvent>,
    ) -> Result<ServerOptions, CommandError> {
        let settings = &project.settings;
        Ok(ServerOptions {
            listen: address::choose(self.reader.options, &project.plan.dev)?,
            workers: vec![plan::version(&project.plan, &self.engines)?],
            pool: pool(settings),
            cell: self.interpreter.cell_command(),
            base: self.base(project, packages)?,
            egress: EgressOptions {
                ca_file: self.reader.options.ca_file.clone(),
                connect_to: self.reader.options.connect_to.clone(),
                allow_private: self.allows_private(settings.allow_private),
            },
            development: self.mode == Mode::Dev,
            events,
        })
    }

    /// Whether `fetch()` reaches private addresses.
    fn allows_private(&self, configured: Option<bool>) -> bool {
        match self.mode {
            Mode::Test { allow_local_network } => allow_local_network,
            Mode::Dev | Mode::Serve => configured.unwrap_or(self.mode == Mode::Dev),
        }
    }

    /// The cell that everything is forked from, which depends on the packages but not on the Worker's own modules.
    fn base(&self, project: &Project, packages: Option<&Path>) -> Result<Base, CommandError> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let code = [Some(project.plan.base_dir.clone()), plan::python_modules(&project.plan)];
        Ok(Base {
            runtime_dirs: vec![text(&self.interpreter.site_packages)],
            site_dirs: packages.map(text).into_iter().collect(),
            code_dirs: code.iter().flatten().map(|path| text(path)).collect(),
            scratch_dir: text(&self.state.folder("scratch")?),
            open: false,
            preload: plan::preload(&project.plan),
        })
    }

    /// The folder with the packages the project asks for, installed now if need be.
    pub(crate) fn packages(&self, project: &Project) -> Result<Option<PathBuf>, CommandError> {
        let Some(python) = &project.python else { return Ok(None) };
        let may_build = self.mode != Mode::Serve || python.wants.allow_build;
        let folder = self.state.folder("packages")?;
        packages::install(python, may_build, &folder, self.interpreter, self.console)
    }

    /// Waits for the end, and meanwhile, where there is a watch, for changes.
    async fn until_stopped(
        &self,
        server: &Server,
        watch: Option<Watch>,
        stop: &mut StopSignals,
    ) -> Result<(), CommandError> {
        let Some(mut watch) = watch else {
            stop.next().await;
            return Ok(());
        };
        tokio::select! {
            () = stop.next() => Ok(()),
            failed = self.follow(server, &mut watch) => failed,
        }
    }

    /// Reloads at each change. A change during a reload begins another: what is being loaded is out of date.
    async fn follow(&self, server: &Server, watch: &mut Watch) -> Result<(), CommandError> {
        watch.changed().await?;
        loop {
            let reloaded = tokio::select! {
                reloaded = self.reload(server) => reloaded,
                changed = watch.changed() => {
                    changed?;
                    continue;
                }
            };
            match reloaded {
                Ok(project) => watch.follow(project.watched)?,
                Err(error) => self.console.failure(&error),
            }
            watch.changed().await?;
        }
    }

    /// Reads the project again and hands its new version to the server, which drops no request. What is wrong with it
    /// leaves the old version serving.
    async fn reload(&self, server: &Server) -> Result<Project, CommandError> {
        let project = self.reader.read()?;
        let packages = self.packages(&project)?;
        let base = self.base(&project, packages.as_deref())?;
        let version = plan::version(&project.plan, &self.engines)?;
        server.rebase(base).await;
        match server.replace(version).await {
            Err(ReplaceError::UnknownWorker(name)) => Err(CommandError::Renamed(name)),
            // A version that does not load is told as an event.
            Ok(()) | Err(ReplaceError::Load(_)) => Ok(project),
        }
    }
}

/// What `hognose.toml` says of isolates, and the defaults where it is silent.
fn pool(settings: &Settings) -> PoolOptions {
    let defaults = PoolOptions::default();
    PoolOptions {
        isolates_max: settings.max_isolates.unwrap_or_else(cores),
        isolate_idle_max: settings.isolate_idle_max.unwrap_or(defaults.isolate_idle_max),
        wait_until_max: settings.wait_until_max.unwrap_or(defaults.wait_until_max),
    }
}

/// How many isolates one Worker gets where `hognose.toml` does not say.
fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
