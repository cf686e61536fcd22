//! The models of Workers AI: from the tables in `hognose.toml`, a project's and the user's own, to the service behind the
//! binding.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hognose_config::{self as config, AiSettings, ModelPlace, ModelSettings, Plan, Variable};
use hognose_services::Service;
use hognose_services::ai::{self, AiService, Endpoint, Engine, Model, Models, Task};
use hognose_supervisor::{EgressOptions, EgressPolicy, EngineClient, StartError};

use crate::cli::ServerArguments;
use crate::error::CommandError;
use crate::inference::ModelProcess;
use crate::interpreter::Interpreter;
use crate::project::Project;

/// What engines of models are reached through; shared by all Workers.
pub(crate) struct Inference {
    http: Arc<EngineClient>,
    local: Arc<ModelProcess>,
}

impl Inference {
    pub(crate) fn new(interpreter: &Interpreter, options: &ServerArguments) -> Result<Self, CommandError> {
        let egress = EgressOptions {
            ca_file: options.ca_file.clone(),
            connect_to: options.connect_to.clone(),
            policy: EgressPolicy { allow_private: true, ..EgressPolicy::default() },
        };
        let http = EngineClient::new(egress).map_err(StartError::from)?;
        Ok(Self { http: Arc::new(http), local: Arc::new(ModelProcess::new(interpreter.executable.clone())) })
    }

    /// What reaches servers that the operator has named.
    pub(crate) fn http(&self) -> Arc<EngineClient> {
        Arc::clone(&self.http)
    }

    /// Workers AI for a project; with `base_url`, all models are there.
    pub(crate) fn service(
        &self,
        project: &Project,
        base_url: Option<&str>,
    ) -> Result<Arc<dyn Service>, CommandError> {
        let models = match base_url {
            Some(url) => elsewhere(url, project)?,
            None => table(project)?,
        };
        Ok(Arc::new(AiService::new(models, self.http.clone(), self.local.clone())))
    }
}

/// A table where every model is behind one URL. What opens it is the same variable that Cloudflare's own tools read.
fn elsewhere(url: &str, project: &Project) -> Result<Models, CommandError> {
    let key = variable(&project.plan, "CLOUDFLARE_API_TOKEN");
    let settings = AiSettings { base_url: Some(url.to_owned()), key: None, ..AiSettings::default() };
    let mut models = read(&settings, &project.plan, Path::new(""))?;
    if let Some(Model { engine: Engine::Cloudflare(endpoint), .. }) = &mut models.others {
        endpoint.key = key;
    }
    Ok(models)
}

/// The project's table over the user's.
fn table(project: &Project) -> Result<Models, CommandError> {
    let mut models = Models::default();
    for (settings, folder) in &project.ai {
        let more = read(settings, &project.plan, folder)?;
        models.by_name.extend(more.by_name);
        models.others = more.others.or(models.others);
    }
    Ok(models)
}

fn read(settings: &AiSettings, plan: &Plan, folder: &Path) -> Result<Models, CommandError> {
    let mut models = Models::default();
    for (name, model) in &settings.models {
        models.by_name.insert(name.clone(), read_model(name, model, plan, folder)?);
    }
    if let Some(url) = &settings.base_url {
        let key = key(url, settings.key.as_deref(), plan)?;
        let engine = Engine::Cloudflare(Endpoint { url: url.clone(), model: None, key });
        models.others = Some(Model { engine, task: None, timeout: ai::TIMEOUT, retries: ai::RETRIES });
    }
    Ok(models)
}

fn read_model(
    name: &str,
    settings: &ModelSettings,
    plan: &Plan,
    folder: &Path,
) -> Result<Model, CommandError> {
    let unknown = |task: &String| CommandError::UnknownTask { model: name.to_owned(), task: task.clone() };
    let task = settings.task.as_ref();
    let task = task.map(|task| Task::named(task).ok_or_else(|| unknown(task))).transpose()?;
    let endpoint = |url: &String| {
        let key = key(name, settings.key.as_deref(), plan)?;
        Ok::<_, CommandError>(Endpoint { url: url.clone(), model: settings.model.clone(), key })
    };
    let engine = match &settings.place {
        ModelPlace::OpenAi(url) => Engine::OpenAi(endpoint(url)?),
        ModelPlace::Cloudflare(url) => Engine::Cloudflare(endpoint(url)?),
        ModelPlace::Folder(path) => Engine::Local(folder.join(path)),
    };
    Ok(Model {
        engine,
        task,
        timeout: settings.timeout.unwrap_or(ai::TIMEOUT),
        retries: settings.retries.unwrap_or(ai::RETRIES),
    })
}

/// What opens a server: the value of the variable that the table names.
fn key(model: &str, name: Option<&str>, plan: &Plan) -> Result<Option<String>, CommandError> {
    let Some(name) = name else { return Ok(None) };
    let missing = || CommandError::NoKey { model: model.to_owned(), key: name.to_owned() };
    variable(plan, name).ok_or_else(missing).map(Some)
}

/// A variable of the environment, else of the Worker.
fn variable(plan: &Plan, name: &str) -> Option<String> {
    let of_worker = || match plan.vars.get(name)? {
        Variable::Text(value) | Variable::Secret(value) => Some(value.clone()),
        Variable::Json(_) => None,
    };
    std::env::var(name).ok().filter(|value| !value.is_empty()).or_else(of_worker)
}

/// Where a model is, for people.
pub(crate) fn shown(place: &ModelPlace) -> String {
    match place {
        ModelPlace::OpenAi(url) => format!("at {url}"),
        ModelPlace::Cloudflare(url) => format!("at {url} (Cloudflare's interface)"),
        ModelPlace::Folder(folder) => format!("in the folder {folder}"),
    }
}

/// The user's own `hognose.toml`, which holds for all projects; there need not be one.
pub(crate) fn user_settings_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("hognose").join(config::SETTINGS_FILE))
}
