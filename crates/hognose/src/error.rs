//! Why a command ends without doing its work, in words for the person who typed it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use hognose_jail::Level;
use hognose_supervisor::StartError;

/// A command's failure. [`CommandError::hint`] gives the next step, where there is one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// Neither the folder nor any above it has a Wrangler configuration.
    #[error("No Wrangler configuration was found in `{}` or a folder above it", .0.display())]
    NoConfiguration(PathBuf),
    /// The same, for a command that only needs to know where the data are.
    #[error("No Wrangler configuration was found in `{}` or a folder above it, and no state folder was named", .0.display())]
    NoState(PathBuf),
    /// The same, for a command that only needs to know which Worker is meant.
    #[error("No Wrangler configuration was found in `{}` or a folder above it, and no Worker was named", .0.display())]
    WhichWorker(PathBuf),
    /// One main module for several Workers.
    #[error("`--script` names the main module of one Worker, and there are {0}")]
    ScriptOfMany(usize),
    /// The project's own build failed, or could not be run.
    #[error("The build `{command}` failed: {why}")]
    Build { command: String, folder: PathBuf, why: String },
    /// A Hyperdrive binding does not say which database it leads to.
    #[error("The Hyperdrive binding `{0}` has no connection string that names a database")]
    NoDatabase(String),
    /// The configuration has mistakes, which were shown already.
    #[error("The configuration cannot be used")]
    Configuration,
    /// A file that is there, or was named, cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// `main` names a file that does not exist.
    #[error("The main module `{}` does not exist", main.display())]
    MainMissing { main: PathBuf, configuration: PathBuf },
    /// `assets.directory` names a folder that does not exist.
    #[error("The folder of assets `{}` does not exist", folder.display())]
    AssetsMissing { folder: PathBuf, configuration: PathBuf },
    /// A service binding leads nowhere.
    #[error("Worker \"{service}\" not found, to which the binding `{binding}` leads")]
    NoService { binding: String, service: String },
    /// Two Workers cannot be told apart.
    #[error("Two of the Workers are called `{0}`")]
    SameName(String),
    /// Two Workers would get the messages of a queue.
    #[error("The queue `{queue}` has two consumers: `{}` and `{}`", .workers[0], .workers[1])]
    TwoConsumers { queue: String, workers: [String; 2] },
    /// Another hognose works on the same state.
    #[error("`{}` is in use by another hognose{}", folder.display(), process.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    StateInUse { folder: PathBuf, process: Option<u32> },
    /// The state folder, or something in it, cannot be made.
    #[error("`{}` cannot be written", path.display())]
    State { path: PathBuf, source: io::Error },
    /// A command on packages finds nothing that asks for them.
    #[error("`{}` has no `pyproject.toml`", .0.display())]
    NoPythonProject(PathBuf),
    /// Packages are listed where neither pywrangler nor hognose reads them.
    #[error("`{}` is there, which is not read any more", .0.display())]
    RequirementsFile(PathBuf),
    /// What is in a folder that was to be replaced is somebody's own.
    #[error("`{}` was not made by `hognose sync` or `pywrangler sync`", .0.display())]
    NotSynced(PathBuf),
    /// `types --check` found other stubs than it would write.
    #[error("`{}` is missing, or does not fit the configuration", .0.display())]
    TypesOutOfDate(PathBuf),
    /// `uv` is not installed.
    #[error("`uv`, which installs the packages of a Worker, was not found")]
    UvMissing,
    /// `uv` could not be started.
    #[error("`{}` could not be started", path.display())]
    UvBroken { path: PathBuf, source: io::Error },
    /// `uv` has failed and said why.
    #[error("The packages that `{}` asks for could not be installed", project.display())]
    Packages { project: PathBuf, may_build: bool },
    /// A script could not be run; that it failed is its own exit status.
    #[error("The script could not be run")]
    Script(#[source] hognose_supervisor::ScriptError),
    /// The address is taken.
    #[error("Port {} is already in use", .0.port())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("Cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    /// `--ip` is neither an address nor `localhost`.
    #[error("`{0}` is not an address to listen on")]
    NotAnAddress(String),
    /// A certificate or its key cannot be used.
    #[error("`{}` cannot be used for HTTPS", path.display())]
    Certificate { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    /// The machine lacks what the lock needs.
    #[error(
        "Workers are to be locked at level `{minimum}` at least, and this machine can do `{level}` only: {missing}"
    )]
    LockMissing { minimum: Level, level: Level, missing: String },
    /// The levels of the lock contradict each other.
    #[error("`lock.maximum` is `{maximum}`, which is less than the minimum, `{minimum}`")]
    LockRange { minimum: Level, maximum: Level },
    /// Without a lock, a Worker is not served.
    #[error("`lock.minimum` is `off`, and `hognose serve` does not serve Workers without a lock")]
    LockOffWhenServing,
    /// A storage engine could not be opened.
    #[error("The data in `{}` cannot be opened", folder.display())]
    Storage { folder: PathBuf, source: Box<dyn Error + Send + Sync> },
    /// A KV namespace could not be made.
    #[error("The KV namespace `{id}` cannot be opened")]
    Namespace { id: String, source: hognose_services::kv::KvError },
    /// An R2 bucket could not be made.
    #[error("The R2 bucket `{name}` cannot be opened")]
    Bucket { name: String, source: hognose_services::r2::R2Error },
    /// The classes of Durable Objects are not as they should be.
    #[error("The Durable Object classes cannot be used")]
    Classes(#[source] hognose_services::objects::ClassError),
    /// A queue could not be made.
    #[error("The queue `{name}` cannot be opened")]
    Queue { name: String, source: hognose_services::queues::QueueError },
    /// A command on data was not carried out.
    #[error("{0}")]
    Data(String),
    /// Something would be lost, and nobody could be asked.
    #[error("{0} Nobody can be asked here")]
    Unconfirmed(String),
    /// The question was answered with no.
    #[error("Nothing was changed")]
    Declined,
    /// The state folder was written by a later release.
    #[error("The data in `{}` are of format {found}; this hognose knows format {known}", folder.display())]
    NewerFormat { folder: PathBuf, found: u32, known: u32 },
    /// What names the state folder's version names none.
    #[error("`{}` does not hold the number of a format", .0.display())]
    NoFormat(PathBuf),
    /// There is nothing to be backed up.
    #[error("There are no data in `{}`", .0.display())]
    NoData(PathBuf),
    /// A file is to be made where one is.
    #[error("`{}` exists already", .0.display())]
    FileExists(PathBuf),
    /// Data were not backed up, or not restored.
    #[error("Nothing was changed")]
    Backup(#[source] hognose_services::backup::BackupError),
    /// Ctrl-C.
    #[error("Interrupted; nothing was changed")]
    Interrupted,
    /// Secrets cannot be stored or read.
    #[error("The secrets cannot be used")]
    Secrets(#[source] hognose_services::secrets::SecretError),
    /// A folder of static files cannot be served.
    #[error("The assets in `{}` cannot be served", folder.display())]
    Assets { folder: PathBuf, source: hognose_services::assets::AssetsError },
    /// The configuration has no D1 database of that name, binding or id.
    #[error("`{}` has no D1 database `{name}`", configuration.display())]
    UnknownDatabase { name: String, configuration: PathBuf },
    /// The configuration has no workflow of that name.
    #[error("`{}` has no workflow `{name}`", configuration.display())]
    UnknownWorkflow { name: String, configuration: PathBuf },
    /// A workflow's instance did not do what was asked of it.
    #[error("`{what}` was left as it is")]
    Workflow { what: String, source: hognose_services::workflows::WorkflowError },
    /// SQL failed, and changed nothing.
    #[error("The SQL of {what} failed and changed nothing")]
    Sql { what: String, source: hognose_services::d1::D1Error },
    /// A file is to be run as SQL, and is a database.
    #[error(
        "`{}` is an SQLite database, and not SQL: write it as SQL with `sqlite3 {} .dump`",
        .0.display(),
        .0.display()
    )]
    BinaryDatabase(PathBuf),
    /// A Vectorize index did not do what it was asked.
    #[error(transparent)]
    Vectorize(#[from] hognose_services::vectorize::VectorizeError),
    /// A line of a file is no vector.
    #[error("Line {line} of `{}` is not a vector", path.display())]
    Vector { path: PathBuf, line: usize, source: serde_json::Error },
    /// The index does not index that property.
    #[error("The index `{name}` has no metadata index on `{property}`")]
    NoMetadataIndex { name: String, property: String },
    /// A Worker is to be made where something is.
    #[error("`{}` is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// A Worker cannot be called so.
    #[error("`{0}` cannot be a Worker's name: it has only letters, digits, `-` and `_`")]
    WorkerName(String),
    /// A project is too large to be deployed.
    #[error("The project is too large: a version has at most {files} files and {mebibytes} MiB")]
    TooLarge { files: usize, mebibytes: u64 },
    /// A project has too many folders within each other.
    #[error("`{}` lies deeper than {limit} folders", path.display())]
    TooDeep { path: PathBuf, limit: usize },
    /// The code is not part of what would be copied.
    #[error("`{}` lies outside of the folder of the configuration, which is what is deployed", .0.display())]
    MainOutside(PathBuf),
    /// A Worker has no such version.
    #[error("`{worker}` has no version `{id}`")]
    NoVersion { worker: String, id: String },
    /// There is no earlier version to go back to.
    #[error("`{0}` has only ever had one version deployed")]
    NothingBefore(String),
    /// A Worker that was never deployed, or is served from its own folder.
    #[error("`{0}` is not deployed here")]
    NotDeployed(String),
    /// A deployed version does not load.
    #[error("The version cannot be loaded, and serves nothing: {message}\n{traceback}")]
    NotLoaded { message: String, traceback: String },
    /// No server answers at the state folder's socket.
    #[error("No `hognose serve` or `hognose dev` runs on `{}`", folder.display())]
    NotServed { folder: PathBuf, source: io::Error },
    /// The server does not do what was asked.
    #[error("{message}")]
    Refused { message: String, hint: Option<String> },
    /// The server said something that is no answer.
    #[error("The server broke off: {0}")]
    ControlBroken(String),
    /// A model gave no answer.
    #[error("{0}")]
    Model(String),
    /// What was to be given to a model is no object.
    #[error("The inputs are no JSON of an object: {0}")]
    ModelInputs(String),
    /// What was to be a model has none.
    #[error("There is no `model.onnx`")]
    NoModel,
    /// A file of a model cannot be had.
    #[error("{url} could not be fetched: {reason}")]
    Download { url: String, reason: String },
    /// A package cannot be had; `uv` has said why.
    #[error("The package `{0}` could not be fetched")]
    NoPackage(String),
    /// `hognose.toml` names a task that there is not.
    #[error("The model `{model}` has the task `{task}`, which is none")]
    UnknownTask { model: String, task: String },
    /// `hognose.toml` names a key that is nowhere.
    #[error("`{model}` is opened by the variable `{key}`, which is not set")]
    NoKey { model: String, key: String },
    /// The server could not be started, for a reason other than its address.
    #[error("The server could not be started")]
    Server(#[source] StartError),
    /// A reload gave the Worker another name.
    #[error("The Worker is now called `{0}`")]
    Renamed(String),
    /// The machine refuses what every server needs: threads, signals.
    #[error("The server's runtime could not be started")]
    Runtime(#[source] io::Error),
    /// The sources cannot be watched.
    #[error("Changes of the source cannot be watched")]
    Watch(#[source] notify::Error),
}

impl CommandError {
    /// What to do about it, where there is something.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoConfiguration(_) => {
                "`hognose init NAME` makes a Worker to begin with; name the configuration of one elsewhere with `--config`"
                    .into()
            }
            Self::NoState(_) => "Go to the project's folder, or name the state folder with `--persist-to`".into(),
            Self::WhichWorker(_) => {
                "Go to the project's folder, or name the Worker and, with `--persist-to`, the state folder".into()
            }
            Self::ScriptOfMany(_) => "Serve one Worker, or write `main` into each configuration".into(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "Look at how it is spelled, and at the folder you are in".into()
            }
            Self::MainMissing { configuration, .. } => {
                format!("`main` in `{}` is relative to that file's folder", configuration.display())
            }
            Self::AssetsMissing { configuration, .. } => format!(
                "Make it, or take `assets` out of `{}`; `assets.directory` is relative to that file's folder",
                configuration.display()
            ),
            Self::Build { folder, .. } => {
                format!("It is `build.command` in the configuration, and runs in `{}`", folder.display())
            }
            Self::NoDatabase(binding) => {
                format!(
                    "Set `localConnectionString` there, or `CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_{binding}`, \
                     to \"postgres://user:password@localhost:5432/database\" or the like"
                )
            }
            Self::UnknownDatabase { .. } => "Add it to `d1_databases` there".into(),
            Self::Vector { .. } => {
                "Give one JSON object a line: {\"id\": \"a\", \"values\": [0.5, …], \"metadata\": {}}".into()
            }
            Self::NoMetadataIndex { name, .. } => {
                format!("`hognose vectorize list-metadata-index {name}` shows those it has")
            }
            Self::UnknownTask { .. } => {
                format!("Tasks are {}", hognose_services::ai::Task::names().collect::<Vec<_>>().join(", "))
            }
            Self::NoKey { key, .. } => format!("Set `{key}` in the environment, or in `.dev.vars`"),
            Self::UnknownWorkflow { .. } => "Add it to `workflows` there".into(),
            Self::NoService { .. } => "Give its folder too: `hognose dev . ../other`".into(),
            Self::SameName(_) => "Give each a `name` of its own in its configuration".into(),
            Self::TwoConsumers { .. } => "Remove it from `queues.consumers` of one of them".into(),
            Self::StateInUse { .. } => "Stop it, or keep this one's state elsewhere with `--persist-to`".into(),
            Self::Unconfirmed(_) => "Give `-y` to do it unasked".into(),
            Self::NoPythonProject(_) => {
                "Add one with `dependencies = [\"httpx\"]` under `[project]`".into()
            }
            Self::RequirementsFile(_) => {
                "List its packages in pyproject.toml, under [project], as dependencies = [\"…\"], and delete it".into()
            }
            _ => return self.hint_on_server(),
        };
        Some(hint)
    }

    /// The same, of packages, versions and the server.
    fn hint_on_server(&self) -> Option<String> {
        let hint = match self {
            Self::NewerFormat { .. } => {
                "Use the hognose that wrote them, or a newer one, or other data with `--persist-to`".into()
            }
            Self::NoFormat(_) => {
                "Restore the folder from a backup with `hognose restore`; if you wrote the file, remove it".into()
            }
            Self::NoData(_) => "Name the state folder with `--persist-to`, or the project with `--config`".into(),
            Self::FileExists(_) => "Name another file, or move that one away".into(),
            Self::NotSynced(_) => "Move it away, or give `--force` to have it replaced".into(),
            Self::TypesOutOfDate(_) => "Run `hognose types` with the same options".into(),
            Self::UvMissing => "Install it with `pip install uv`".into(),
            Self::Packages { may_build: true, .. } => "What `uv` said stands above".into(),
            Self::Packages { may_build: false, .. } => {
                "What `uv` said stands above; `allow-build = true` under `[tool.pywrangler]` allows source packages".into()
            }
            Self::Renamed(_) => "Start `hognose dev` again for the new name to hold".into(),
            Self::PortInUse(_) => "Choose another with `--port` (the dashboard's with `--admin-port`); 0 is any free one".into(),
            Self::NotEmpty(_) => "Name a folder that does not exist yet".into(),
            Self::WorkerName(_) => "Give it another `name` in its configuration".into(),
            Self::TooLarge { .. } => "Leave out what is no code; packages are installed from `pyproject.toml`".into(),
            Self::TooDeep { .. } => "A link may lead back to a folder above it".into(),
            Self::MainOutside(_) => "Move the configuration into a folder above it".into(),
            Self::NoVersion { worker, .. } => format!("`hognose versions list --name {worker}` shows those there are"),
            Self::NotDeployed(_) => "`hognose deploy` deploys the Worker of a folder".into(),
            Self::NotServed { .. } => {
                "Start one, or name the state folder of one that runs with `--persist-to`".into()
            }
            Self::Refused { hint, .. } => return hint.clone(),
            Self::Certificate { .. } => {
                "Give the certificate and its key as PEM files, the certificate first in its chain".into()
            }
            Self::NotAnAddress(_) => "Give an IP address, such as `127.0.0.1`, or `localhost`".into(),
            Self::LockMissing { minimum: Level::Full, level: Level::Container, .. } => {
                "Or accept less: `minimum = \"container\"` under `[lock]` in hognose.toml".into()
            }
            Self::LockMissing { .. } => {
                "Or, for code of your own only, `hognose dev` with `minimum = \"off\"` under `[lock]` in hognose.toml"
                    .into()
            }
            Self::LockRange { .. } => "Change one of them in hognose.toml".into(),
            Self::LockOffWhenServing => "Set it to `container` or `full` in hognose.toml".into(),
            _ => return None,
        };
        Some(hint)
    }
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                Self::PortInUse(address)
            }
            StartError::Listen { address, source } => Self::Listen { address, source },
            StartError::Egress(_) => Self::Server(error),
        }
    }
}
