//! What becomes of code that a Worker gives to its loader: files in a folder of their own, read as any project is, and a
//! base whose cells may read nothing else. The folder goes with the last cell.

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use hognose_config::{self as config, Format, Plan};
use hognose_supervisor::{
    CodeLoader, DynamicCode, DynamicVersion, GivenLink, GivenObject, ServiceLink, WorkerLimits, WorkerVersion,
};
use hognose_wire::CapId;
use hognose_wire::control::{Base, Given, Worker};
use hognose_wire::loading::{Module, ModuleKind};
use serde_json::json;

use crate::plan::{self, OUTBOUND};
use crate::project::today;

/// What the configuration would be called. It is not written: the Worker has nothing to read in it.
const CONFIGURATION: &str = "wrangler.json";

/// The file with `env`. No module can have its name.
const ENV: &str = ".hognose-env";

/// Makes versions of the code that one Worker loads.
pub(crate) struct DynamicWorkers {
    /// Where folders are made.
    folder: PathBuf,
    /// The base of the Worker that loads, whose confinement and runtime those of the loaded ones have.
    base: Base,
    limits: WorkerLimits,
}

/// A folder that is removed when this is dropped.
struct Files(PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        // What cannot be removed is removed when the state is opened the next time.
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

impl DynamicWorkers {
    pub(crate) fn new(folder: PathBuf, base: Base) -> Self {
        Self { folder, base, limits: WorkerLimits::default() }
    }

    /// The base that a Worker in `folder` is forked from.
    fn base(&self, folder: &Path, is_python: bool) -> Result<(Base, String), String> {
        let made = |name: &str| {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).map(|()| text(&folder)).map_err(|error| unwritten(&folder, &error))
        };
        let scratch_dir = made("own")?;
        let mut confinement = self.base.confinement.clone();
        (confinement.hidden_dirs, confinement.list_dirs) = (Vec::new(), Vec::new());
        let base = Base {
            runtime_dirs: self.base.runtime_dirs.clone(),
            site_dirs: Vec::new(),
            code_dirs: vec![text(&folder.join("code"))],
            // Written once: nothing takes its place.
            code_inodes: Vec::new(),
            scratch_dir: made("base")?,
            worker_scratch_dirs: vec![scratch_dir.clone()],
            sole_root: Some(text(&folder.join("code"))),
            confinement,
            open: false,
            exposes_gc: self.base.exposes_gc,
            preload: if is_python { vec!["workers".to_owned()] } else { Vec::new() },
        };
        Ok((base, scratch_dir))
    }
}

impl CodeLoader for DynamicWorkers {
    fn version(&self, id: u64, code: DynamicCode) -> Result<DynamicVersion, String> {
        let folder = self.folder.join(id.to_string());
        let files = Files(folder.clone());
        let root = folder.join("code");
        code.modules.iter().try_for_each(|module| write(&root, &module.name, &module.bytes))?;
        write(&root, ENV, &code.env)?;
        let plan = read(&root, &code)?;
        let is_python = plan.main.extension().is_some_and(|extension| extension == "py");
        let (base, scratch_dir) = self.base(&folder, is_python)?;
        let count = code.links.len() as u32;
        let caps = (OUTBOUND.0 + 1..).map(CapId).take(code.links.len()).collect();
        let (links, given_objects) = numbered(code.links);
        let is_exported = plan.compatibility_flags.enabled(plan::EXPORTS_FLAG);
        let given = Given { file: ENV.to_owned(), caps };
        let worker = Worker {
            name: code.name,
            scratch_dir,
            cache: None,
            loopback: is_exported.then_some(CapId(OUTBOUND.0 + 1 + count)),
            tailed: !code.tails.is_empty(),
            given: Some(given),
            ..plan::worker(&plan, Vec::new())
        };
        let version = WorkerVersion {
            id: id.to_string(),
            worker,
            base,
            limits: self.limits,
            routes: Vec::new(),
            services: Vec::new(),
            consumers: Vec::new(),
            crons: None,
            workflows: Vec::new(),
            assets: None,
            links,
            object_links: Vec::new(),
            given_objects,
            identities: Vec::new(),
            classes: Vec::new(),
            loaders: Vec::new(),
            way_out: code.way_out,
            tails: code.tails,
        };
        Ok(DynamicVersion { version, files: Box::new(files) })
    }
}

type Numbered<T> = Vec<(CapId, T)>;

/// What leads to Workers, and what to objects, with the numbers that all of it has together.
fn numbered(links: Vec<GivenLink>) -> (Numbered<ServiceLink>, Numbered<GivenObject>) {
    let (mut workers, mut objects) = (Vec::new(), Vec::new());
    for (cap, link) in (OUTBOUND.0 + 1..).map(CapId).zip(links) {
        match link {
            GivenLink::Worker(link) => workers.push((cap, link)),
            GivenLink::Object(object) => objects.push((cap, object)),
        }
    }
    (workers, objects)
}

/// Reads the code as a project, without a file that configures it.
fn read(root: &Path, code: &DynamicCode) -> Result<Plan, String> {
    let rule = |module: &Module| {
        let kind = match module.kind {
            ModuleKind::Js => "ESModule",
            ModuleKind::Cjs => "CommonJS",
            ModuleKind::Text => "Text",
            ModuleKind::Data => "Data",
            ModuleKind::Json | ModuleKind::Py => return None,
        };
        Some(json!({ "type": kind, "globs": [module.name], "fallthrough": true }))
    };
    let configuration = json!({
        "main": code.main,
        "base_dir": ".",
        "compatibility_date": code.compatibility_date,
        "compatibility_flags": code.compatibility_flags,
        "rules": code.modules.iter().filter_map(rule).collect::<Vec<_>>(),
    });
    let path = root.join(CONFIGURATION);
    let options = config::Options { path: &path, environment: None, script: None, today: today() };
    let read = config::parse(&configuration.to_string(), Format::Json, &options);
    read.map(|accepted| accepted.value).map_err(|rejected| {
        let messages = rejected.diagnostics.into_iter().map(|diagnostic| diagnostic.message);
        messages.collect::<Vec<_>>().join("\n")
    })
}

/// Writes a new file. The name of a module was checked where it came from, a cell, and is checked here again.
fn write(root: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    let is_below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !is_below {
        return Err(format!("Module name \"{name}\" is not a relative path."));
    }
    let path = root.join(name);
    let folder = path.parent().unwrap_or(root);
    let written = fs::create_dir_all(folder).and_then(|()| fs::File::create_new(&path)?.write_all(bytes));
    written.map_err(|error| unwritten(&path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

/// Paths of the state are text: one that is not UTF-8 was refused with the configuration.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
