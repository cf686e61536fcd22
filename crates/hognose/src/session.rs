//! What a command holds while Workers run: their projects, the state folder with its engines, and the packages.
//!
//! The order matters: what can be wrong with the projects is found before the state is touched, the state is locked
//! before anything is written into it, and the address is known to be free before a cell is started.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use hognose_config::Settings;
use hognose_jail::Level;
use hognose_supervisor::{
    EgressOptions, EgressPolicy, PoolOptions, ServerEvent, ServerOptions, WorkerLimits, WorkerVersion,
};
use hognose_wire::confinement::Confinement;
use hognose_wire::control::Base;
use tokio::sync::mpsc;

use crate::build;
use crate::catalog::Catalog;
use crate::certificates;
use crate::cli::ServerArguments;
use crate::console::Console;
use crate::deployments::{Deployments, Upload, UploadedVersion};
use crate::engines::{CurrentEngines, Engines};
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::label::Label;
use crate::lock::ChosenLock;
use crate::models::Inference;
use crate::project::{self, Configuration, Project, Reader};
use crate::remarks::Remarks;
use crate::state::{self, State};
use crate::telemetry::{self, Telemetry};
use crate::{address, https, packages, plan};

/// Events that may wait to be shown; beyond them the server drops some and says how many.
pub(crate) const EVENTS_WAITING_MAX: usize = 4096;

/// How long requests in flight may take to finish after a signal. A second signal does not wait for them.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What Workers are run for.
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

/// What stays the same through all reloads.
pub(crate) struct Session<'a> {
    pub(crate) mode: Mode,
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) console: Console,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) deployments: Deployments,
    pub(crate) state: State,
    pub(crate) engines: CurrentEngines,
    inference: Inference,
    /// Where traces go.
    otlp_endpoint: Option<String>,
    /// One for each Worker, in the order in which they came.
    readers: RefCell<Vec<Reader>>,
    options: Rc<ServerArguments>,
    remarks: Rc<Remarks>,
    pub(crate) lock: ChosenLock,
    /// What each Worker asks of its base, as of its last reading.
    wishes: RefCell<Vec<Wishes>>,
    /// How often it has begun anew.
    turn: Cell<u64>,
}

/// What a Worker asks of the base that its zygote is forked from. Workers that differ in their code only share one.
#[derive(Clone)]
struct Wishes {
    /// Where its modules lie.
    root: String,
    packages: Option<PathBuf>,
    preload: Vec<String>,
    code_dirs: Vec<String>,
}

impl Wishes {
    fn fit(&self, other: &Self) -> bool {
        self.packages == other.packages && self.preload == other.preload
    }
}

impl<'a> Session<'a> {
    /// Reads the projects in `directories`, or those whose configurations `options` name, opens the state and installs
    /// packages. The state lies beside the first project.
    pub(crate) fn open(
        mode: Mode,
        directories: &[PathBuf],
        options: &ServerArguments,
        interpreter: &'a Interpreter,
        console: Console,
    ) -> Result<(Self, Vec<Project>), CommandError> {
        let configurations = configurations(directories, &options.config)?;
        if options.script.is_some() && configurations.len() > 1 {
            return Err(CommandError::ScriptOfMany(configurations.len()));
        }
        let first = configurations.first().map_or(Path::new(""), Configuration::folder);
        let folder = options.persist_to.clone().unwrap_or_else(|| first.join(state::FOLDER));
        // All of them have their secrets in the one state.
        let options = Rc::new(ServerArguments { persist_to: Some(folder.clone()), ..options.clone() });
        let remarks = Rc::new(Remarks::new(console));
        let mut readers: Vec<Reader> = Vec::new();
        for configuration in configurations {
            let (release, options, remarks) = (interpreter.release, Rc::clone(&options), Rc::clone(&remarks));
            readers.push(Reader { configuration, options, release, remarks, label: None });
        }
        let mut projects = readers.iter().map(Reader::read).collect::<Result<Vec<_>, _>>()?;
        check_names(&projects)?;
        check_consumers(&projects)?;
        let settings = projects.first().map(|project| project.settings.clone()).unwrap_or_default();
        let lock = ChosenLock::choose(mode, &settings)?;
        let state = State::open(&folder)?;
        let session = Self {
            mode,
            interpreter,
            console,
            catalog: Arc::default(),
            deployments: Deployments::new(state.folder("workers")?),
            engines: CurrentEngines::new(Engines::open(&state, console)?),
            inference: Inference::new(interpreter, &options)?,
            otlp_endpoint: settings.otlp_endpoint.clone().or_else(telemetry::endpoint),
            state,
            lock,
            readers: RefCell::new(readers),
            options,
            remarks,
            wishes: RefCell::default(),
            turn: Cell::default(),
        };
        if mode == Mode::Serve {
            session.add_deployed(&mut projects)?;
        }
        check_links(&projects)?;
        session.warn_of_tails(&projects);
        session.install(&projects)?;
        session.build(&projects)?;
        Ok((session, projects))
    }

    /// A tail consumer that is not served here hears nothing; that keeps nobody from serving.
    fn warn_of_tails(&self, projects: &[Project]) {
        let is_served = |name: &str| projects.iter().any(|project| plan::name(&project.plan) == name);
        for Project { plan, .. } in projects {
            for consumer in plan.tail_consumers.iter().filter(|name| !is_served(name)) {
                self.console.warning(&format!(
                    "`{consumer}`, a tail consumer of `{}`, is not served here, and hears nothing of it",
                    plan::name(plan)
                ));
            }
        }
    }

    /// Adds the Workers that were deployed before. One that is also named by its folder is served from there.
    fn add_deployed(&self, projects: &mut Vec<Project>) -> Result<(), CommandError> {
        for worker in self.deployments.workers()? {
            if projects.iter().any(|project| plan::name(&project.plan) == worker) {
                self.console
                    .warning(&format!("`{worker}` is served from its folder, not as it was deployed"));
                continue;
            }
            if let Some(last) = self.deployments.history(&worker)?.pop() {
                let version = self.deployments.version(&worker, &last.version_id)?;
                let reader = self.reader_of(&worker, &version)?;
                projects.push(reader.read()?);
                self.readers.borrow_mut().push(reader);
            }
        }
        Ok(())
    }

    /// What reads a version that was deployed.
    fn reader_of(&self, worker: &str, version: &UploadedVersion) -> Result<Reader, CommandError> {
        let options = ServerArguments {
            env: version.environment.clone(),
            var: version.vars.clone(),
            env_file: Vec::new(),
            ..ServerArguments::clone(&self.options)
        };
        let (id, tag, timestamp) = (version.id.clone(), version.tag.clone(), version.created_on.clone());
        Ok(Reader {
            configuration: Configuration::named(&self.deployments.configuration(worker, version))?,
            options: Rc::new(options),
            release: self.interpreter.release,
            remarks: Rc::clone(&self.remarks),
            label: Some(Label { id, tag, timestamp }),
        })
    }

    /// A version that was deployed, as the server takes it. It stands in the place of any other of the Worker.
    pub(crate) fn deployed(
        &self,
        worker: &str,
        version: &UploadedVersion,
    ) -> Result<WorkerVersion, CommandError> {
        let reader = self.reader_of(worker, version)?;
        let project = reader.read()?;
        let wishes = self.wishes_of(&project)?;
        let index = self.place_of(worker);
        if index == self.readers.borrow().len() {
            self.readers.borrow_mut().push(reader);
            self.wishes.borrow_mut().push(wishes);
        } else {
            self.readers.borrow_mut()[index] = reader;
            self.wishes.borrow_mut()[index] = wishes;
        }
        self.version(index, &project)
    }

    /// What sends traces, where anybody is to have them.
    pub(crate) fn telemetry(&self) -> Option<Telemetry> {
        Some(Telemetry {
            endpoint: self.otlp_endpoint.clone()?,
            http: self.inference.http(),
            catalog: Arc::clone(&self.catalog),
            console: self.console,
        })
    }

    /// Where the reader of a Worker stands: behind the others if it is new.
    fn place_of(&self, worker: &str) -> usize {
        let readers = self.readers.borrow();
        let place = readers.iter().position(|reader| reader.worker().is_ok_and(|name| name == worker));
        place.unwrap_or(readers.len())
    }

    /// The name of the Worker that a configuration describes, and the root of its code.
    pub(crate) fn describe(&self, upload: &Upload) -> Result<(String, PathBuf), CommandError> {
        let configuration = Configuration::named(&upload.configuration)?;
        let plan = project::plan(&configuration, upload.environment.as_deref(), &self.remarks)?;
        Ok((plan::name(&plan).to_owned(), plan.base_dir))
    }

    /// Installs all packages, and removes those of earlier runs.
    fn install(&self, projects: &[Project]) -> Result<(), CommandError> {
        let wishes = projects.iter().map(|project| self.wishes_of(project)).collect::<Result<Vec<_>, _>>()?;
        let used: Vec<&Path> = wishes.iter().filter_map(|wishes| wishes.packages.as_deref()).collect();
        packages::prune(&self.state.folder("packages")?, &used)?;
        *self.wishes.borrow_mut() = wishes;
        Ok(())
    }

    /// Runs the projects' own builds. `serve` does not: it may be somebody else's code, which belongs into a cell.
    fn build(&self, projects: &[Project]) -> Result<(), CommandError> {
        for (project, wishes) in projects.iter().zip(&*self.wishes.borrow()) {
            if self.mode != Mode::Serve {
                let synced = plan::python_modules(&project.plan);
                let packages = wishes.packages.as_deref().or(synced.as_deref());
                build::run("dev", &project.plan, packages, self.interpreter, self.console)?;
            }
        }
        Ok(())
    }

    /// Reads a project again, and installs its packages where they have changed.
    pub(crate) fn read(&self, index: usize) -> Result<Project, CommandError> {
        let project = self.readers.borrow()[index].read()?;
        let wishes = self.wishes_of(&project)?;
        self.wishes.borrow_mut()[index] = wishes;
        Ok(project)
    }

    /// Has engines with nothing in them in the place of those in use. Nothing may run.
    pub(crate) fn begin_anew(&self) -> Result<(), CommandError> {
        let turn = self.turn.get() + 1;
        self.turn.set(turn);
        self.engines.set(self.engines.get().anew(&self.state, &format!("anew/{turn}"))?);
        Ok(())
    }

    /// How many Workers there are.
    pub(crate) fn worker_count(&self) -> usize {
        self.readers.borrow().len()
    }

    /// A project as the server takes it.
    pub(crate) fn version(&self, index: usize, project: &Project) -> Result<WorkerVersion, CommandError> {
        self.engines.get().migrate(&project.plan)?;
        let ai = self.inference.service(project, self.options.ai_base_url.as_deref())?;
        self.catalog.set(&project.plan, &ai);
        let files = &project.settings.certificates;
        let identities = certificates::identities(&project.plan, files, self.console);
        let dynamic = self.state.folder("scratch/dynamic")?;
        let base = (self.base(index)?, text(&self.scratch_folder(index)?), dynamic);
        let version =
            plan::version(&project.plan, &project.label, &self.engines.get(), ai, identities, base)?;
        Ok(WorkerVersion { limits: limits(project), ..version })
    }

    /// What a server for the projects is started with.
    pub(crate) fn server_options(
        &self,
        projects: &[Project],
        events: mpsc::Sender<ServerEvent>,
    ) -> Result<ServerOptions, CommandError> {
        let (dev, settings) = projects.first().map(|first| (&first.plan.dev, &first.settings)).unzip();
        let (dev, settings) = (dev.cloned().unwrap_or_default(), settings.cloned().unwrap_or_default());
        // All of them first: a binding may lead to a class of another Worker.
        projects.iter().try_for_each(|project| self.engines.get().migrate(&project.plan))?;
        let versions = projects.iter().enumerate().map(|(index, project)| self.version(index, project));
        Ok(ServerOptions {
            listen: address::choose(&self.options, &dev)?,
            tls: https::choose(&self.options.https, &dev, &self.state)?,
            workers: versions.collect::<Result<_, _>>()?,
            pool: pool(&settings),
            objects: self.engines.get().objects(),
            cell: self.interpreter.cell_command(),
            egress: EgressOptions {
                ca_file: self.options.ca_file.clone(),
                connect_to: self.options.connect_to.clone(),
                policy: EgressPolicy {
                    allow_private: self.allows_private(settings.allow_private),
                    allow: settings.egress_allow.clone(),
                    deny: settings.egress_deny.clone(),
                    is_closed: false,
                },
            },
            development: self.mode == Mode::Dev,
            test_scheduled: self.options.test_scheduled,
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

    /// The cell that a Worker's zygote is forked from. It may read the code of all Workers that can share it.
    fn base(&self, index: usize) -> Result<Base, CommandError> {
        let wishes = self.wishes.borrow();
        let own = &wishes[index];
        let sharing = (0..wishes.len()).filter(|other| own.fit(&wishes[*other]));
        let is_alone = sharing.clone().count() == 1;
        let scratch = sharing.clone().map(|other| Ok(text(&self.scratch_folder(other)?)));
        let code: Vec<String> = sharing.flat_map(|other| wishes[other].code_dirs.clone()).collect();
        // What is hidden has the Workers' scratch folders in its place, and those are nobody's but their own.
        let (hidden_dirs, list_dirs, code_dirs) = if self.lock.level == Level::Full && is_alone {
            (self.state_within(&code), Vec::new(), code)
        } else {
            let (listed, readable) = self.without_state(code);
            (Vec::new(), listed, readable)
        };
        // One that is not there has none, and another once it is.
        let inode = |path: &String| std::fs::metadata(path).map_or(0, |about| about.ino());
        Ok(Base {
            runtime_dirs: vec![text(&self.interpreter.site_packages)],
            site_dirs: own.packages.iter().map(|path| text(path)).collect(),
            code_inodes: code_dirs.iter().map(inode).collect(),
            code_dirs,
            scratch_dir: text(&self.state.folder("scratch/base")?),
            worker_scratch_dirs: scratch.collect::<Result<_, CommandError>>()?,
            sole_root: is_alone.then(|| own.root.clone()),
            confinement: Confinement {
                level: self.lock.level.to_string(),
                hidden_dirs,
                list_dirs,
                scratch_bytes_max: self.lock.scratch_bytes_max,
                is_traceable: self.lock.is_traceable(),
            },
            open: false,
            exposes_gc: matches!(self.mode, Mode::Test { .. }),
            preload: own.preload.clone(),
        })
    }

    /// The writable folder of a Worker.
    fn scratch_folder(&self, index: usize) -> Result<PathBuf, CommandError> {
        self.state.folder(&format!("scratch/{index}"))
    }

    /// The state's folder, which is nobody's to read, where it lies within one of these.
    fn state_within(&self, folders: &[String]) -> Vec<String> {
        let state = self.state.path();
        if folders.iter().any(|folder| state.starts_with(folder)) { vec![text(state)] } else { Vec::new() }
    }

    /// Of folders with code that hold the state: the folder's name, and what is in it beside
    /// the state. The others stay as they are.
    fn without_state(&self, folders: Vec<String>) -> (Vec<String>, Vec<String>) {
        let state = self.state.path();
        let (holding, mut readable): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|folder| state.starts_with(folder));
        let mut listed = Vec::new();
        for folder in &holding {
            let mut at = PathBuf::from(folder);
            // From the folder down to the state, all but the way there.
            while at != state {
                let next = state.strip_prefix(&at).ok().and_then(|rest| rest.iter().next());
                let next = next.map_or_else(|| state.to_owned(), |name| at.join(name));
                let entries =
                    std::fs::read_dir(&at).into_iter().flatten().flatten().map(|entry| entry.path());
                let mut entries: Vec<String> =
                    entries.filter(|path| *path != next).map(|path| text(&path)).collect();
                entries.sort();
                readable.append(&mut entries);
                listed.push(text(&at));
                at = next;
            }
        }
        (listed, readable)
    }

    fn wishes_of(&self, project: &Project) -> Result<Wishes, CommandError> {
        let code = [Some(project.plan.base_dir.clone()), plan::python_modules(&project.plan)];
        Ok(Wishes {
            root: text(&project.plan.base_dir),
            packages: self.packages(project)?,
            preload: plan::preload(&project.plan),
            code_dirs: code.iter().flatten().map(|path| text(path)).collect(),
        })
    }

    /// The folder with the packages the project asks for, installed now if need be; none where `hognose sync` has put them
    /// into the project.
    fn packages(&self, project: &Project) -> Result<Option<PathBuf>, CommandError> {
        let Some(python) = &project.python else { return Ok(None) };
        let modules = plan::python_modules(&project.plan);
        if modules.is_some_and(|modules| packages::is_synced(python, &modules, self.interpreter)) {
            return Ok(None);
        }
        let may_build = self.mode != Mode::Serve || python.wants.allow_build;
        let folder = self.state.folder("packages")?;
        packages::install(python, may_build, &folder, self.interpreter, self.console)
    }
}

/// The configurations named, else those of the folders.
fn configurations(directories: &[PathBuf], named: &[PathBuf]) -> Result<Vec<Configuration>, CommandError> {
    if named.is_empty() {
        return directories.iter().map(|directory| Configuration::find(directory)).collect();
    }
    named.iter().map(|path| Configuration::named(path)).collect()
}

/// Workers are told apart by their names.
fn check_names(projects: &[Project]) -> Result<(), CommandError> {
    let mut seen = HashSet::new();
    let mut names = projects.iter().map(|project| plan::name(&project.plan));
    match names.find(|name| !seen.insert(*name)) {
        Some(name) => Err(CommandError::SameName(name.to_owned())),
        None => Ok(()),
    }
}

/// A message goes to one consumer. That no Worker consumes a queue twice is checked with its configuration.
fn check_consumers(projects: &[Project]) -> Result<(), CommandError> {
    let mut consumers = HashMap::new();
    for plan in projects.iter().map(|project| &project.plan) {
        let pulled = plan.queue_pulls.iter().map(|pull| &pull.queue);
        for queue in plan.queue_consumers.iter().map(|consumer| &consumer.queue).chain(pulled) {
            if let Some(other) = consumers.insert(queue, plan::name(plan)) {
                let workers = [other, plan::name(plan)].map(str::to_owned);
                return Err(CommandError::TwoConsumers { queue: queue.clone(), workers });
            }
        }
    }
    Ok(())
}

/// A service binding leads to a Worker that is served here.
fn check_links(projects: &[Project]) -> Result<(), CommandError> {
    let names: HashSet<&str> = projects.iter().map(|project| plan::name(&project.plan)).collect();
    let mut links = projects.iter().flat_map(|project| &project.plan.services);
    match links.find(|link| !names.contains(link.service.as_str())) {
        Some(link) => {
            Err(CommandError::NoService { binding: link.binding.clone(), service: link.service.clone() })
        }
        None => Ok(()),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What `hognose.toml` says of isolates, and the defaults where it is silent.
fn pool(settings: &Settings) -> PoolOptions {
    let defaults = PoolOptions::default();
    PoolOptions {
        isolates_max: settings.max_isolates.unwrap_or_else(cores),
        isolate_idle_max: settings.isolate_idle_max.unwrap_or(defaults.isolate_idle_max),
        worker_idle_max: settings.worker_idle_max.unwrap_or(defaults.worker_idle_max),
        isolate_age_max: settings.isolate_age_max,
        isolate_requests_max: settings.isolate_requests_max,
        object_idle_max: settings.object_idle_max.unwrap_or(defaults.object_idle_max),
        wait_until_max: settings.wait_until_max.unwrap_or(defaults.wait_until_max),
        threads_max: settings.threads_max.unwrap_or(defaults.threads_max),
    }
}

/// What one Worker may use.
fn limits(project: &Project) -> WorkerLimits {
    let defaults = WorkerLimits::default();
    WorkerLimits {
        cpu_max: project.plan.limits.cpu_ms.map_or(defaults.cpu_max, Duration::from_millis),
        memory_max: project.settings.memory_max.unwrap_or(defaults.memory_max),
        subrequests_max: project.plan.limits.subrequests.unwrap_or(defaults.subrequests_max),
        log_bytes_max: project.settings.log_bytes.unwrap_or(defaults.log_bytes_max),
        wall_max: project.settings.wall_max,
    }
}

/// How many isolates one Worker gets where `hognose.toml` does not say.
fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
