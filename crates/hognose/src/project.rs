//! Reading a project from its folder: the configuration, the secrets beside it, `pyproject.toml` and `hognose.toml`.
//!
//! Crate `config` knows the formats and does no I/O; this is the hand that fetches the texts, shows what is wrong with
//! them, and notes which files a reload must watch.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use hognose_config as config;
use hognose_config::{Date, Format, Plan, SecretSources, Secrets};

use crate::cli::ServerArguments;
use crate::data::secret;
use crate::error::CommandError;
use crate::label::Label;
use crate::models;
use crate::plan::name;
use crate::remarks::Remarks;
use crate::state;
use crate::watch::Watched;

/// Where a project is configured. Found once: a reload reads the same file again.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// The file.
    pub path: PathBuf,
    format: Format,
}

impl Configuration {
    /// The file that `--config` names.
    pub(crate) fn named(path: &Path) -> Result<Self, CommandError> {
        let path = absolute(path)?;
        let format = Format::of(&path).unwrap_or(Format::Toml);
        Ok(Self { path, format })
    }

    /// The file that applies in `directory`.
    pub(crate) fn find(directory: &Path) -> Result<Self, CommandError> {
        let directory = absolute(directory)?;
        match config::discover(&directory, &|path| path.is_file()) {
            Some((path, format)) => Ok(Self { path, format }),
            None => Err(CommandError::NoConfiguration(directory)),
        }
    }

    /// The one beside which the data lie that a command is about.
    pub(crate) fn of_state() -> Result<Self, CommandError> {
        Self::find(Path::new(".")).map_err(|error| match error {
            CommandError::NoConfiguration(folder) => CommandError::NoState(folder),
            other => other,
        })
    }

    /// The folder that paths in it are relative to, and beside which the state lies.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// A project as read at one moment.
pub(crate) struct Project {
    /// The file it is configured in.
    pub configuration: PathBuf,
    /// What the configuration says, with the secrets and the command line's variables in `vars`.
    pub plan: Plan,
    /// The packages it asks for.
    pub python: Option<PythonProject>,
    /// hognose's own settings.
    pub settings: config::Settings,
    /// What answers for models: the user's table, then the project's, each with the folder its paths are relative to.
    pub ai: Vec<AiTable>,
    /// What to watch for changes.
    pub watched: Watched,
    /// What tells it from other readings.
    pub label: Label,
}

/// A `pyproject.toml` that asks for packages.
pub(crate) struct PythonProject {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What it asks for.
    pub wants: config::PythonProject,
}

/// What a configuration names has to be there, but for assets that a build makes.
fn check_files(plan: &Plan, configuration: &Path) -> Result<(), CommandError> {
    let configuration = relative(configuration);
    let has_main = plan.assets.is_none() || !plan.main.as_os_str().is_empty();
    if has_main && !plan.main.is_file() {
        return Err(CommandError::MainMissing { main: relative(&plan.main), configuration });
    }
    match &plan.assets {
        Some(assets) if plan.build.is_none() && !assets.directory.is_dir() => {
            Err(CommandError::AssetsMissing { folder: relative(&assets.directory), configuration })
        }
        _ => Ok(()),
    }
}

/// Reads a project, at the start and again for each reload.
pub(crate) struct Reader {
    /// Where it is configured.
    pub configuration: Configuration,
    /// What the command line adds.
    pub options: Rc<ServerArguments>,
    /// The release of Python that the Worker will run under.
    pub release: [u32; 3],
    /// Where warnings and mistakes go.
    pub remarks: Rc<Remarks>,
    /// The label of a version that was deployed, and does not change. Each reading of any other is a version.
    pub label: Option<Label>,
}

impl Reader {
    /// Reads everything, shows what there is to remark, and gives the project if it can be served.
    pub(crate) fn read(&self) -> Result<Project, CommandError> {
        let Configuration { path, format } = &self.configuration;
        let source = read(path)?;
        let script = self.options.script.as_deref().map(absolute).transpose()?;
        let environment = self.options.environment();
        let options = config::Options { path, environment, script: script.as_deref(), today: today() };
        let mut plan = self.remarks.accept(config::parse(&source, *format, &options), &source, path)?;
        check_files(&plan, path)?;
        let mut secrets = self.secrets()?;
        let stored = self.add_stored(&mut secrets, name(&plan))?;
        self.remarks.show(&plan.add_variables(&secrets, &self.options.var), &source, path)?;
        let python = self.python()?;
        let required = python.as_ref().and_then(|python| python.wants.requires_python.as_ref());
        let other_python = config::check_python(plan.python, required, self.release);
        self.remarks.show(other_python.as_slice(), &source, path)?;
        let (settings, ai) = settings(self.configuration.folder(), &self.remarks)?;
        let mut watched = watched(&plan, &self.configuration, &secrets);
        watched.files.insert(stored);
        let label = self.label.clone().unwrap_or_else(|| Label::new(name(&plan), ""));
        Ok(Project { configuration: path.clone(), plan, python, settings, ai, watched, label })
    }

    /// The name of the Worker, without reading the rest.
    pub(crate) fn worker(&self) -> Result<String, CommandError> {
        let plan = plan(&self.configuration, self.options.environment(), &self.remarks)?;
        Ok(name(&plan).to_owned())
    }

    /// Adds the secrets that `hognose secret put` has stored, where no file says otherwise, and gives the file that
    /// changes with them.
    fn add_stored(&self, secrets: &mut Secrets, worker: &str) -> Result<PathBuf, CommandError> {
        let beside = || self.configuration.folder().join(state::FOLDER);
        let state = self.options.persist_to.clone().unwrap_or_else(beside);
        let (stored, changed) = secret::stored(&state, worker)?;
        for (name, value) in stored {
            secrets.values.entry(name).or_insert(value);
        }
        // Watched files are compared with the absolute paths of events.
        Ok(std::path::absolute(&changed).unwrap_or(changed))
    }

    /// The values of `.dev.vars` or `.env`, or of the files of `--env-file`, which must exist.
    fn secrets(&self) -> Result<Secrets, CommandError> {
        let folder = self.configuration.folder();
        let mut named = Vec::new();
        for file in &self.options.env_file {
            named.push(absolute(file)?.to_string_lossy().into_owned());
        }
        let process: Option<BTreeMap<String, String>> =
            is_set("CLOUDFLARE_INCLUDE_PROCESS_ENV", "true").then(|| std::env::vars().collect());
        let sources = SecretSources {
            environment: self.options.environment(),
            env_files: &named.iter().map(String::as_str).collect::<Vec<_>>(),
            without_dot_env: is_set("CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV", "false"),
            process: process.as_ref(),
        };
        let reading = config::load_secrets(&sources, &|name| fs::read_to_string(folder.join(name)).ok());
        self.remarks.accept(reading, "", folder)
    }

    fn python(&self) -> Result<Option<PythonProject>, CommandError> {
        let folder = self.configuration.folder();
        let found = python(folder, &self.remarks)?;
        let unread = folder.join("requirements.txt");
        if found.is_none()
            && let Ok(text) = fs::read(&unread)
        {
            let text = String::from_utf8_lossy(&text);
            self.remarks.show(&[config::requirements_txt_warning(&text)], "", &unread)?;
        }
        Ok(found)
    }
}

/// What the `pyproject.toml` in `folder` asks for, where there is one.
pub(crate) fn python(folder: &Path, remarks: &Remarks) -> Result<Option<PythonProject>, CommandError> {
    let path = folder.join("pyproject.toml");
    let Some(text) = read_if_there(&path)? else { return Ok(None) };
    let wants = remarks.accept(config::parse_python_project(&text), &text, &path)?;
    Ok(Some(PythonProject { path, text, wants }))
}

/// What `[ai]` says, with the folder that its paths are relative to.
type AiTable = (config::AiSettings, PathBuf);

/// The settings of the project in `folder`, and what answers for models: the user's own table, then the project's.
pub(crate) fn settings(
    folder: &Path,
    remarks: &Remarks,
) -> Result<(config::Settings, Vec<AiTable>), CommandError> {
    let mut tables = Vec::new();
    if let Some(path) = models::user_settings_path() {
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        tables.push((read_settings(&path, remarks)?.ai, folder));
    }
    let settings = read_settings(&folder.join(config::SETTINGS_FILE), remarks)?;
    tables.push((settings.ai.clone(), folder.to_owned()));
    Ok((settings, tables))
}

fn read_settings(path: &Path, remarks: &Remarks) -> Result<config::Settings, CommandError> {
    match read_if_there(path)? {
        Some(text) => remarks.accept(config::parse_settings(&text), &text, path),
        None => Ok(config::Settings::default()),
    }
}

/// What a configuration says, for commands that run no Worker.
pub(crate) fn plan(
    configuration: &Configuration,
    environment: Option<&str>,
    remarks: &Remarks,
) -> Result<Plan, CommandError> {
    let Configuration { path, format } = configuration;
    let source = read(path)?;
    let options = config::Options { path, environment, script: None, today: today() };
    remarks.accept(config::parse(&source, *format, &options), &source, path)
}

fn is_set(variable: &str, value: &str) -> bool {
    std::env::var_os(variable).is_some_and(|set| set == value)
}

/// The module tree and every file that was read or, made now, would be.
fn watched(plan: &Plan, configuration: &Configuration, secrets: &Secrets) -> Watched {
    let folder = configuration.folder();
    let beside = ["pyproject.toml", config::SETTINGS_FILE, ".dev.vars", ".env", ".env.local"];
    let for_environment =
        plan.environment.iter().flat_map(|name| [format!(".dev.vars.{name}"), format!(".env.{name}")]);
    let mut files: HashSet<PathBuf> = beside.iter().map(|name| folder.join(name)).collect();
    files.extend(for_environment.map(|name| folder.join(name)));
    files.extend(secrets.files.iter().map(|name| folder.join(name)));
    files.insert(configuration.path.clone());
    Watched { modules: plan.base_dir.clone(), files }
}

/// The path as people in this folder would write it.
pub(crate) fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    path.canonicalize().map_err(|source| CommandError::Read { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<String, CommandError> {
    fs::read_to_string(path).map_err(|source| CommandError::Read { path: path.to_owned(), source })
}

fn read_if_there(path: &Path) -> Result<Option<String>, CommandError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CommandError::Read { path: path.to_owned(), source }),
    }
}

/// A clock before 1970 counts as 1970.
pub(crate) fn today() -> Date {
    Date::from_unix_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
