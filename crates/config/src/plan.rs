//! The plan: everything a configuration says about one Worker in one environment, typed and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cron::Schedule;
use crate::date::Date;
use crate::flags::CompatibilityFlags;

/// One Worker, ready to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The Worker's name, with `-<environment>` where one was chosen; a name is not required to run.
    pub name: Option<String>,
    /// The environment asked for.
    pub environment: Option<String>,
    /// The folder of the configuration file, to which all its paths are relative.
    pub directory: PathBuf,
    /// The main file: Python, or JavaScript. Empty where there are only [`Plan::assets`].
    pub main: PathBuf,
    /// The root of the Worker's modules: a file's module name is its path from here.
    pub base_dir: PathBuf,
    /// The date given; without one today's defaults hold and `handlers` accepts both styles.
    pub compatibility_date: Option<Date>,
    /// Every known compatibility flag.
    pub compatibility_flags: CompatibilityFlags,
    /// Which kinds of handlers the main module may define.
    pub handlers: Handlers,
    /// The Python that Cloudflare would run; `None` when neither date nor flag says.
    pub python: Option<PythonVersion>,
    /// The KV namespaces in `env`.
    pub kv_namespaces: Vec<KvNamespace>,
    /// The D1 databases in `env`.
    pub d1_databases: Vec<D1Database>,
    /// The R2 buckets in `env`.
    pub r2_buckets: Vec<R2Bucket>,
    /// The name of Workers AI in `env`.
    pub ai: Option<String>,
    /// The binding to Images.
    pub images: Option<String>,
    /// The Vectorize indexes in `env`.
    pub vectorize: Vec<VectorizeIndex>,
    /// The queues in `env`.
    pub queue_producers: Vec<QueueProducer>,
    /// The queues whose messages the Worker's `queue` handler gets.
    pub queue_consumers: Vec<QueueConsumer>,
    /// The queues whose messages programs outside fetch over HTTP.
    pub queue_pulls: Vec<QueuePull>,
    /// The name in `env` of what tells about the version.
    pub version_metadata: Option<String>,
    /// The senders of email in `env`.
    pub send_email: Vec<SendEmail>,
    /// The workflows in `env`.
    pub workflows: Vec<Workflow>,
    /// The rate limits in `env`.
    pub rate_limits: Vec<RateLimit>,
    /// The datasets of the Analytics Engine in `env`.
    pub analytics_datasets: Vec<AnalyticsDataset>,
    /// The secrets of Secrets Stores in `env`.
    pub stored_secrets: Vec<StoredSecret>,
    /// The databases in `env` that clients of the Worker's own connect to.
    pub hyperdrive: Vec<Hyperdrive>,
    /// The bindings that hognose lacks.
    pub stand_ins: Vec<StandIn>,
    /// The folder of static files.
    pub assets: Option<Assets>,
    /// The namespaces of Durable Objects in `env`.
    pub objects: Vec<ObjectBinding>,
    /// What became of the Worker's own Durable Object classes, in order.
    pub migrations: Vec<Migration>,
    /// The Workers in `env`.
    pub services: Vec<ServiceBinding>,
    /// The names in `env` of what loads Workers at run time.
    pub worker_loaders: Vec<String>,
    /// The bindings that present a client certificate.
    pub certificates: Vec<CertificateBinding>,
    /// The names of the Workers that are told of this one's invocations.
    pub tail_consumers: Vec<String>,
    /// The variables in `env`, by name.
    pub vars: BTreeMap<String, Variable>,
    /// The names of `secrets.required`; when given, no other secret is loaded.
    pub required_secrets: Option<Vec<String>>,
    /// Where the Worker is to be reached, besides by its port.
    pub routes: Vec<Route>,
    /// The cron triggers, in Cloudflare's syntax (UTC, weekdays 1 to 7 from Sunday).
    pub crons: Vec<Schedule>,
    /// What one invocation may use.
    pub limits: Limits,
    /// What is kept of logs and traces; `None` when not configured.
    pub observability: Option<Observability>,
    /// Settings of the development server.
    pub dev: Dev,
    /// What makes files that the Worker needs.
    pub build: Option<Build>,
    /// Which files become modules and of what kind; the first match wins. The defaults stand at the end.
    pub rules: Vec<Rule>,
    /// Globs, relative to `python_modules/`, of files that are left out.
    pub python_modules_exclude: Vec<String>,
}

/// The kinds of handlers that are looked up in the main module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handlers {
    /// Functions such as `on_fetch`.
    pub global: bool,
    /// Classes deriving from `WorkerEntrypoint`.
    pub class: bool,
}

/// A minor version of CPython.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PythonVersion {
    /// 3.12
    V312,
    /// 3.13
    V313,
    /// 3.14
    V314,
}

impl PythonVersion {
    /// The 13 of 3.13.
    pub fn minor(self) -> u8 {
        match self {
            Self::V312 => 12,
            Self::V313 => 13,
            Self::V314 => 14,
        }
    }
}

impl std::fmt::Display for PythonVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "3.{}", self.minor())
    }
}

/// A KV namespace in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvNamespace {
    /// Its name in `env`.
    pub binding: String,
    /// What its data is kept under; Workers with the same id share it. The binding's name when none is given.
    pub id: String,
}

/// A Vectorize index in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorizeIndex {
    /// Its name in `env`.
    pub binding: String,
    /// The index's own name.
    pub index_name: String,
}

/// A database in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hyperdrive {
    /// Its name in `env`.
    pub binding: String,
    /// Where it is and how to get in (`localConnectionString`).
    pub connection_string: Option<String>,
}

/// A binding whose requests present a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateBinding {
    /// The name in `env`.
    pub binding: String,
    /// By which `hognose.toml` names its files.
    pub certificate_id: String,
}

/// A binding of a kind that hognose lacks: its name is in `env`, and each use of it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    /// The name in `env`.
    pub binding: String,
    /// The key in wrangler's configuration: `pipelines`.
    pub key: String,
}

/// What is run before a project is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// A command for the shell.
    pub command: String,
    /// The folder it runs in, relative to the configuration's.
    pub directory: PathBuf,
}

/// A sender of email in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendEmail {
    /// Its name in `env`.
    pub binding: String,
    /// The one recipient; `None`: the Worker chooses.
    pub destination: Option<String>,
    /// The recipients that the Worker may choose; `None`: any.
    pub destinations: Option<Vec<String>>,
    /// The senders that it may name; `None`: any.
    pub senders: Option<Vec<String>>,
}

/// A workflow in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its name in `env`.
    pub binding: String,
    /// What its instances are kept under.
    pub name: String,
    /// The class that runs them.
    pub class_name: String,
    /// The Worker whose class it is; `None`: this one's.
    pub script_name: Option<String>,
    /// How many steps an instance may take.
    pub steps_max: u64,
}

/// A D1 database in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct D1Database {
    /// Its name in `env`.
    pub binding: String,
    /// What its data is kept under; Workers with the same id share it. The binding's name when none is given.
    pub id: String,
    /// What commands may call it, besides the binding's name and the id.
    pub name: Option<String>,
    /// The folder with its migrations, relative to the configuration.
    pub migrations_dir: String,
    /// The table in it that says which migrations were applied.
    pub migrations_table: String,
}

/// An R2 bucket in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct R2Bucket {
    /// Its name in `env`.
    pub binding: String,
    /// What its data is kept under; Workers with the same name share it. The binding's when none is given.
    pub name: String,
}

/// A namespace of Durable Objects in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectBinding {
    /// Its name in `env`.
    pub binding: String,
    /// The class of the objects.
    pub class: String,
    /// The Worker that has the class; `None`: this one.
    pub script: Option<String>,
}

/// A step in the life of a Worker's Durable Object classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migration {
    /// By which it is known whether it was applied.
    pub tag: String,
    /// Classes that begin to exist, with the older storage.
    pub new_classes: Vec<String>,
    /// Classes that begin to exist, with SQL.
    pub new_sqlite_classes: Vec<String>,
    /// Pairs of an old name and a new one.
    pub renamed_classes: Vec<(String, String)>,
    /// Classes that end, with all their objects.
    pub deleted_classes: Vec<String>,
    /// Classes that come from another Worker: the name there, that Worker, the name here.
    pub transferred_classes: Vec<(String, String, String)>,
}

/// A queue in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueProducer {
    /// Its name in `env`.
    pub binding: String,
    /// The queue.
    pub queue: String,
    /// How long messages are held back that say nothing of it, in seconds.
    pub delivery_delay_s: Option<u64>,
}

/// A queue whose messages a Worker gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConsumer {
    /// The queue.
    pub queue: String,
    /// The most messages of a batch, 1 to 100.
    pub batch_size_max: u64,
    /// How long messages that are fewer wait for others, in seconds, up to 60.
    pub batch_timeout_s: u64,
    /// How often a message is delivered again, up to 100 times.
    pub retries_max: u64,
    /// How long a message is held back before that, in seconds.
    pub retry_delay_s: u64,
    /// Where messages go that were delivered in vain; `None`: they are deleted.
    pub dead_letter_queue: Option<String>,
    /// The most batches at a time; `None`: as many as do well.
    pub concurrency_max: Option<u64>,
}

/// A rate limit in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name in `env`.
    pub binding: String,
    /// Whose counts these are; Workers with the same id share them.
    pub namespace_id: String,
    /// How often in a period.
    pub limit: u32,
    /// The period in seconds: 10 or 60.
    pub period_s: u32,
}

/// A dataset of the Analytics Engine in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalyticsDataset {
    /// Its name in `env`.
    pub binding: String,
    /// The dataset's own; the binding's when none is given.
    pub dataset: String,
}

/// A secret of a Secrets Store in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// Its name in `env`.
    pub binding: String,
    /// The store.
    pub store_id: String,
    /// Its name in the store.
    pub secret_name: String,
}

/// A folder of static files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    /// The folder.
    pub directory: PathBuf,
    /// The name in `env` of what fetches them.
    pub binding: Option<String>,
    /// Which paths HTML files have.
    pub html_handling: HtmlHandling,
    /// What stands for a file that is missing.
    pub not_found_handling: NotFoundHandling,
    /// Which requests the Worker gets before files are looked for.
    pub worker_first: WorkerFirst,
}

/// Which path an HTML file has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HtmlHandling {
    /// `/page` for `page.html`, `/page/` for `page/index.html`.
    #[default]
    AutoTrailingSlash,
    /// `/page/` for both.
    ForceTrailingSlash,
    /// `/page` for both.
    DropTrailingSlash,
    /// The file's own name.
    None,
}

/// What stands for a file that is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotFoundHandling {
    /// Nothing.
    #[default]
    None,
    /// `/index.html`.
    SinglePageApplication,
    /// The nearest `404.html`.
    NotFoundPage,
}

/// Which requests a Worker gets before files are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerFirst {
    /// All, or none.
    All(bool),
    /// Those whose path fits one of these, and none that begins with `!`.
    Paths(Vec<String>),
}

/// A queue whose messages programs outside fetch over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePull {
    /// The queue.
    pub queue: String,
    /// How long a message that was fetched is nobody else's, in milliseconds.
    pub visibility_timeout_ms: u64,
    /// How often a message is given out again, up to 100 times.
    pub retries_max: u64,
    /// How long a message is held back before that, in seconds.
    pub retry_delay_s: u64,
    /// Where messages go that were given out in vain; `None`: they are deleted.
    pub dead_letter_queue: Option<String>,
}

/// Another Worker in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceBinding {
    /// Its name in `env`.
    pub binding: String,
    /// The Worker's name.
    pub service: String,
    /// The class that serves; the default export where none is given.
    pub entrypoint: Option<String>,
    /// What it finds in `ctx.props`.
    pub props: serde_json::Map<String, serde_json::Value>,
}

/// A variable in `env`.
#[derive(Debug, Clone, PartialEq)]
pub enum Variable {
    /// A string of the configuration or the command line.
    Text(String),
    /// Any other value of the configuration, which becomes a JavaScript object.
    Json(serde_json::Value),
    /// A string from `.dev.vars` or `.env`, never to be shown.
    Secret(String),
}

/// Where a Worker is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `host/path`, in which `*` may start the host and end the path.
    pub pattern: String,
    /// Whether the pattern is a whole host that belongs to the Worker.
    pub custom_domain: bool,
}

/// What one invocation may use; `None` is the platform's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU time in milliseconds, at most [`CPU_MS_MAX`].
    pub cpu_ms: Option<u64>,
    /// Subrequests.
    pub subrequests: Option<u64>,
}

/// The most CPU time an invocation can be given, in milliseconds.
pub const CPU_MS_MAX: u64 = 300_000;

/// The most subrequests an invocation can be given.
pub const SUBREQUESTS_MAX: u64 = 10_000_000;

/// What is kept of logs and traces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observability {
    /// Log lines.
    pub logs: Signal,
    /// Whether each invocation gets a line of its own.
    pub invocation_logs: bool,
    /// Traces.
    pub traces: Signal,
}

/// One kind of telemetry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// Whether it is kept at all.
    pub enabled: bool,
    /// The share of invocations it is kept of, 0 to 1.
    pub head_sampling_rate: f64,
}

/// Settings of the development server; the command line overrides them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dev {
    /// The address to listen on.
    pub ip: Option<String>,
    /// The port to listen on; 0 picks a free one.
    pub port: Option<u16>,
    /// Whether to serve over HTTPS.
    pub https: bool,
    /// The host that requests appear to be for.
    pub host: Option<String>,
}

/// Which files become modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What the files become.
    pub kind: ModuleKind,
    /// The files, as globs relative to the module root.
    pub globs: Vec<String>,
}

/// What a file becomes when it is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleKind {
    /// A JavaScript module.
    EsModule,
    /// A JavaScript module in Node.js's old style.
    CommonJs,
    /// A compiled WebAssembly module.
    CompiledWasm,
    /// A string.
    Text,
    /// An `ArrayBuffer`.
    Data,
    /// A Python module.
    PythonModule,
    /// A Python package's name.
    PythonRequirement,
}
