//! The words of the command line, and which part of the program each leads to.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use hognose_supervisor::ConnectTo;

use crate::ai::{self, AiArguments};
use crate::backup::{self, BackupArguments, RestoreArguments};
use crate::console::{Console, LogFormat};
use crate::cron::{self, CronArguments};
use crate::d1::{self, D1Arguments};
use crate::data::kv::{self, KvArguments};
use crate::data::queues::{self, QueuesArguments};
use crate::data::r2::{self, R2Arguments};
use crate::data::secret::{self, SecretArguments, StoreArguments};
use crate::deploy::{self, DeployArguments};
use crate::doctor::{self, CheckArguments};
use crate::https::HttpsArguments;
use crate::init::{self, InitArguments};
use crate::interpreter::Interpreter;
use crate::run;
use crate::serve::{self, Offers};
use crate::session::Mode;
use crate::sync::{self, SyncArguments};
use crate::tail::{self, TailArguments};
use crate::test;
use crate::types::{self, TypesArguments};
use crate::vectorize::{self, VectorizeArguments};
use crate::versions::{self, DeleteArguments, DeploymentsArguments, RollbackArguments, VersionsArguments};
use crate::workflows::{self, WorkflowsArguments};

/// The exit code of a command that failed. Wrong usage gives clap's own 2.
const FAILURE: u8 = 1;

/// What scripts can rely on.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed, with the reason on standard error; 2 wrong usage. `hognose run` \
                          ends as its script does.";

/// Run Cloudflare Python Workers on your own machines
#[derive(Debug, Parser)]
#[command(name = "hognose", version, arg_required_else_help = true, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a folder with a Worker to begin with
    Init(InitArguments),
    /// Serve Workers, and reload each when its files change
    Dev(DevArguments),
    /// Serve Workers as in production: no watching, wheels only, no tracebacks to clients
    Serve(ServeArguments),
    /// Read projects as `dev` would, and say what is wrong and what Cloudflare would do otherwise
    Check(CheckArguments),
    /// Say what this machine lacks of what hognose uses, and how to get it
    Doctor,
    /// Print what makes a shell complete hognose's commands: `eval "$(hognose completions bash)"`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Copy a Worker as it is now into a running `hognose serve`, and let it serve there
    Deploy(DeployArguments),
    /// The versions of a Worker that were deployed: `list`, `view`, `upload`, `deploy`
    Versions(VersionsArguments),
    /// What was deployed of a Worker when: `list`, `status`
    Deployments(DeploymentsArguments),
    /// Let the version of a Worker serve again that served before, or the one that is named
    Rollback(RollbackArguments),
    /// Take a deployed Worker away, with all its versions; its data stays
    Delete(DeleteArguments),
    /// Follow what the Workers of a running server are asked, answer and log
    Tail(TailArguments),
    /// Write stubs by which editors know `js` and the Worker's `env`
    Types(TypesArguments),
    /// Install the packages of `pyproject.toml` into `python_modules`, for editors and for machines without a network
    Sync(SyncArguments),
    /// Run the `test` handlers that Workers export, as `workerd test` does
    Test(TestArguments),
    /// List cron triggers, or run one by hand
    Cron(CronArguments),
    /// Work with D1 databases: run SQL, make and apply migrations
    D1(D1Arguments),
    /// Work with models of Workers AI: list them, ask one, get one
    Ai(AiArguments),
    /// Work with Vectorize indexes: make and fill them, ask them
    Vectorize(VectorizeArguments),
    /// Work with Workflows and their instances
    Workflows(WorkflowsArguments),
    /// Work with KV: namespaces, keys, and many keys at a time
    Kv(KvArguments),
    /// Work with R2: buckets and objects
    R2(R2Arguments),
    /// Work with queues: make, list, change, purge, pause
    Queues(QueuesArguments),
    /// Work with the secrets of a Worker, which are kept encrypted
    Secret(SecretArguments),
    /// Work with the secrets of a Secrets Store
    SecretsStore(StoreArguments),
    Backup(BackupArguments),
    Restore(RestoreArguments),
    /// Run one script, Python or JavaScript, with everything that a Worker finds in `js`
    #[command(override_usage = "hognose run [OPTIONS] <FILE> [ARGS]...")]
    Run(RunArguments),
}

#[derive(Debug, Args)]
struct DevArguments {
    /// The Workers' folders; a configuration is looked for in each and in the folders above it
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    directories: Vec<PathBuf>,
    /// Have pages in a browser reload when their Worker does
    #[arg(long)]
    live_reload: bool,
    /// Let an editor debug Python that listens on this port of 127.0.0.1 [default: 5678]; needs the package debugpy
    // With `=`, as a folder may follow.
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "5678")]
    inspect: Option<u16>,
    /// Forget all data when told to: for `hognose.pytest`
    #[arg(long, hide = true)]
    anew: bool,
    /// Act on keys: `b` opens a browser, `e` the dashboard, `c` clears, `x` quits [default: on a terminal]
    #[arg(long, value_name = "BOOLEAN", default_value_t = true, action = ArgAction::Set, hide_default_value = true)]
    show_interactive_dev_session: bool,
    #[command(flatten)]
    options: ServerArguments,
}

#[derive(Debug, Args)]
struct ServeArguments {
    /// The Workers' folders [default: those that `hognose deploy` has deployed into the state folder]
    #[arg(value_name = "DIRECTORY")]
    directories: Vec<PathBuf>,
    /// Serve the dashboard, the API and `/metrics` on this port of 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    #[command(flatten)]
    options: ServerArguments,
}

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The Worker's folder
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Read these configurations instead of looking for one; may be repeated
    #[arg(short, long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Run only tests whose `service:entrypoint` contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub filter: String,
    /// Print one JSON object per test: `service`, `entrypoint`, `outcome` and `message`
    #[arg(long)]
    pub json: bool,
    /// Keep data in this folder [default: a temporary one]
    #[arg(long, value_name = "FOLDER")]
    pub persist_to: Option<PathBuf>,
    /// Let the Workers reach loopback and private addresses
    #[arg(long)]
    pub allow_local_network: bool,
    /// Use this environment of the configuration
    #[arg(short, long, env = "CLOUDFLARE_ENV", hide_env_values = true, value_name = "NAME")]
    pub env: Option<String>,
    /// Trust the certificates in this file too, for outgoing HTTPS
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// Connect to HOST2:PORT2 where a Worker asks for HOST:PORT; may be repeated
    #[arg(long, value_name = "HOST:PORT:HOST2:PORT2")]
    pub connect_to: Vec<ConnectTo>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Trust the certificates in this file too, for outgoing HTTPS
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// Connect to HOST2:PORT2 where the script asks for HOST:PORT; may be repeated
    #[arg(long, value_name = "HOST:PORT:HOST2:PORT2")]
    pub connect_to: Vec<ConnectTo>,
    /// Let the script write what you can write, and not only in a temporary folder of its own
    #[arg(long)]
    pub allow_write: bool,
    /// The script (`.py`, `.js`, `.mjs`, `.ts` or `.mts`), then what it finds in `sys.argv`
    // One argument for both: only so does everything after the file pass as it is, `--` included.
    #[arg(required = true, trailing_var_arg = true, value_name = "FILE")]
    pub script: Vec<String>,
}

/// What `dev` and `serve` have in common. Wrangler's names where it has the option, curl's for outgoing connections.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServerArguments {
    /// Read these configurations instead of looking for one; may be repeated
    #[arg(short, long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Serve this main module instead of the configuration's `main`; its folder is the root of the modules
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Listen on this port; 0 picks a free one [default: the configuration's, else 8787 or the next free]
    #[arg(long)]
    pub port: Option<u16>,
    /// Listen on this address [default: the configuration's, else localhost]
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    #[command(flatten)]
    pub https: HttpsArguments,
    /// Append a line of JSON for each request to this file; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// How to say what happens: for people, or as lines of JSON on standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub log_format: LogFormat,
    /// Keep data and installed packages in this folder [default: `.hognose` beside the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub persist_to: Option<PathBuf>,
    /// Set a variable of the Worker's `env`; may be repeated
    #[arg(long, value_name = "NAME:VALUE", value_parser = hognose_config::parse_variable)]
    pub var: Vec<(String, String)>,
    /// Use this environment of the configuration
    #[arg(short, long, env = "CLOUDFLARE_ENV", hide_env_values = true, value_name = "NAME")]
    pub env: Option<String>,
    /// Read secrets from this file instead of `.dev.vars` and `.env`; may be repeated
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Run the `scheduled` handler at a request for `/__scheduled?cron=...`
    #[arg(long)]
    pub test_scheduled: bool,
    /// Trust the certificates in this file too, for outgoing HTTPS
    #[arg(long, value_name = "PEM")]
    pub ca_file: Option<PathBuf>,
    /// Connect to HOST2:PORT2 where a Worker asks for HOST:PORT; may be repeated
    #[arg(long, value_name = "HOST:PORT:HOST2:PORT2")]
    pub connect_to: Vec<ConnectTo>,
    /// Send every model of Workers AI to Cloudflare's REST interface, or what speaks it, up to the models' names
    #[arg(long, value_name = "URL")]
    pub ai_base_url: Option<String>,
}

impl ServerArguments {
    /// The environment of the configuration that was chosen. An empty `CLOUDFLARE_ENV` chooses none.
    pub(crate) fn environment(&self) -> Option<&str> {
        self.env.as_deref().filter(|name| !name.is_empty())
    }
}

/// Runs the command line given by `arguments` (without the program's name) and returns the exit code.
pub(crate) fn run(arguments: &[OsString], interpreter: &Interpreter) -> u8 {
    let words = std::iter::once(OsString::from("hognose")).chain(arguments.iter().cloned());
    let command = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments.command,
        Err(help) => {
            // A reader who has gone needs no help.
            let _ = help.print();
            return u8::try_from(help.exit_code()).unwrap_or(FAILURE);
        }
    };
    let console = Console::of_this_process();
    let ended = match command {
        Command::Dev(DevArguments {
            directories,
            live_reload,
            inspect,
            anew,
            show_interactive_dev_session: hotkeys,
            options,
        }) => {
            let offers = Offers { live_reload, hotkeys, inspect, anew, ..Offers::default() };
            serve::serve(Mode::Dev, &directories, &options, offers, interpreter, console).map(|()| 0)
        }
        Command::Serve(ServeArguments { directories, admin_port, options }) => {
            let offers = Offers { admin_port, ..Offers::default() };
            serve::serve(Mode::Serve, &directories, &options, offers, interpreter, console).map(|()| 0)
        }
        Command::Init(options) => init::init(&options, interpreter).map(|()| 0),
        Command::Check(options) => doctor::check(&options, interpreter, console).map(|()| 0),
        Command::Doctor => Ok(doctor::doctor(interpreter)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "hognose", &mut script);
            Console::text(&String::from_utf8_lossy(&script));
            Ok(0)
        }
        Command::Deploy(options) => deploy::deploy(&options, interpreter, console).map(|()| 0),
        Command::Versions(options) => versions::versions(&options, interpreter, console).map(|()| 0),
        Command::Deployments(options) => versions::deployments(&options, console).map(|()| 0),
        Command::Rollback(options) => versions::rollback(&options, console).map(|()| 0),
        Command::Delete(options) => versions::delete(&options, console).map(|()| 0),
        Command::Tail(options) => tail::tail(&options, console).map(|()| 0),
        Command::Types(options) => types::types(&options, interpreter, console).map(|()| 0),
        Command::Sync(options) => sync::sync(&options, interpreter, console).map(|()| 0),
        Command::Test(options) => test::test(&options, interpreter, console),
        Command::Cron(options) => cron::cron(&options, interpreter, console),
        Command::D1(options) => d1::d1(&options, console).map(|()| 0),
        Command::Ai(options) => ai::ai(&options, interpreter, console).map(|()| 0),
        Command::Vectorize(options) => vectorize::vectorize(&options).map(|()| 0),
        Command::Workflows(options) => workflows::workflows(&options, console).map(|()| 0),
        Command::Kv(options) => kv::kv(&options, console).map(|()| 0),
        Command::R2(options) => r2::r2(&options, console).map(|()| 0),
        Command::Queues(options) => queues::queues(&options, console).map(|()| 0),
        Command::Secret(options) => secret::secret(&options, console).map(|()| 0),
        Command::SecretsStore(options) => secret::store(&options, console).map(|()| 0),
        Command::Backup(options) => backup::backup(&options, console).map(|()| 0),
        Command::Restore(options) => backup::restore(&options, console).map(|()| 0),
        Command::Run(options) => run::run(options, interpreter),
    };
    match ended {
        Ok(status) => status,
        Err(error) => {
            console.failure(&error);
            FAILURE
        }
    }
}
