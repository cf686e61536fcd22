//! Where JavaScript code finds what it imports: files, by the rules of wrangler's configuration, and the modules that the
//! runtime itself offers under names with a colon.
//!
//! A module file is known by its absolute path, which is what stack traces then show.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::rc::{Rc, Weak};

use hognose_engine::{Context, KeyFilter, ModuleLoader, ModuleSource, Result, Thrown, Value};
use hognose_web::PlatformModules;
use hognose_wire::control::{ModuleKind, ModuleRule};
use pyo3::Python;
use pyo3::types::PyAnyMethods;

use crate::cell::Cell;
use crate::common_js;
use crate::env::{email, vectorize, workflows};
use crate::typescript;

/// The module that shows a Worker the classes and the `env` of its runtime.
const WORKERS: &str = "cloudflare:workers";
/// The module with the error that ends a workflow's step.
const WORKFLOWS: &str = "cloudflare:workflows";
/// The module with the class of messages.
const EMAIL: &str = "cloudflare:email";
/// The module with the words of Vectorize.
const VECTORIZE: &str = "cloudflare:vectorize";

/// How a module begins that carries its text in its name.
const DATA: &str = "data:";

/// Where Cloudflare has the files of Python packages.
const PACKAGES: &str = "python_modules/";

/// What a name may lack to be a file's, in the order in which it is tried.
const ENDINGS: [&str; 8] = ["", ".ts", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js"];

/// Finds modules.
#[derive(Clone)]
pub(crate) struct Modules {
    cell: Weak<Cell>,
    /// The folder that bare names are looked up in, where there is one.
    root: Option<PathBuf>,
    rules: Vec<ModuleRule>,
}

impl Modules {
    /// Those of a Worker whose files lie below `root`.
    pub(crate) fn of_worker(cell: Weak<Cell>, root: &str, rules: Vec<ModuleRule>) -> Self {
        Self { cell, root: Some(PathBuf::from(root)), rules }
    }

    /// Those of a script, which may import any file.
    pub(crate) fn of_script(cell: Weak<Cell>) -> Self {
        Self { cell, root: None, rules: Vec::new() }
    }

    /// The module at `path`, read anew.
    fn read(&self, context: Context, path: &str, attributes: &Value) -> Result<ModuleSource> {
        let kind = self.kind(context, path, attributes)?;
        let bytes = std::fs::read(path).map_err(|error| {
            Thrown::named(context, "Error", &format!("No such module \"{}\": {error}.", self.shown(path)))
        })?;
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| {
                Thrown::type_error(
                    context,
                    &format!("The module \"{}\" is not UTF-8 text.", self.shown(path)),
                )
            })
        };
        let default = |value: Value| ModuleSource::Synthetic(vec![("default".to_owned(), value)]);
        match kind {
            ModuleKind::EsModule => {
                typescript::read(context, self.shown(path), text(bytes)?).map(ModuleSource::JavaScript)
            }
            ModuleKind::CommonJs => common_js::module(context, path).map(ModuleSource::JavaScript),
            ModuleKind::Text => Ok(default(context.string(&text(bytes)?)?)),
            ModuleKind::Json => Ok(default(context.json_parse(&text(bytes)?, path)?)),
            ModuleKind::Data => Ok(default(context.array_buffer(bytes)?)),
        }
    }

    /// What a file is: what the import's `with` says, else the first rule that names it, else what its ending says.
    pub(crate) fn kind(&self, context: Context, path: &str, attributes: &Value) -> Result<ModuleKind> {
        if attributes.is_object() {
            let asked = attributes.get("type")?;
            match asked.as_string().as_deref() {
                Some("json") => return Ok(ModuleKind::Json),
                Some("text") => return Ok(ModuleKind::Text),
                Some("bytes") => return Ok(ModuleKind::Data),
                _ => {}
            }
        }
        let below_root = self.shown(path);
        let named = self
            .rules
            .iter()
            .find(|rule| rule.globs.iter().any(|glob| fast_glob::glob_match(glob, below_root)));
        if let Some(rule) = named {
            return Ok(rule.kind);
        }
        match Path::new(path).extension().and_then(|extension| extension.to_str()) {
            Some("json") => Ok(ModuleKind::Json),
            Some("js" | "mjs" | "ts" | "mts") => Ok(ModuleKind::EsModule),
            Some("cjs") => Ok(ModuleKind::CommonJs),
            _ if !Path::new(path).is_file() => {
                Err(Thrown::named(context, "Error", &format!("No such module \"{below_root}\".")))
            }
            _ => {
                let advice = match self.root {
                    Some(_) => "add one to \"rules\" in the configuration",
                    None => "say so with the import: `with { type: \"text\" }`, \"json\" or \"bytes\"",
                };
                let message = format!("No rule says what kind of module \"{below_root}\" is; {advice}.");
                Err(Thrown::type_error(context, &message))
            }
        }
    }

    /// The path as its author knows it.
    fn shown<'a>(&self, path: &'a str) -> &'a str {
        let below = self.root.as_ref().and_then(|root| Path::new(path).strip_prefix(root).ok());
        below.and_then(Path::to_str).unwrap_or(path)
    }

    /// The file that a bare name means: Workers' modules are known by their paths from the root.
    fn bare(&self, specifier: &str) -> Option<String> {
        let root = self.root.as_ref()?;
        file(&root.join(specifier).to_string_lossy())
    }

    /// The file of an installed Python package, which is how the SDK asks for its own.
    fn in_package(&self, specifier: &str) -> Option<String> {
        let file = specifier.strip_prefix(PACKAGES)?;
        Python::attach(|py| {
            let found = self.cell().python.boot(py).call_method1("package_file", (file,));
            // A package that cannot be found has no files.
            found.and_then(|found| found.extract()).ok().flatten()
        })
    }

    fn cell(&self) -> Rc<Cell> {
        self.cell.upgrade().expect("invariant: a process's cell lives as long as the process")
    }

    /// What `cloudflare:workers` exports: all that the runtime's object of that name has by now.
    fn workers(&self) -> Result<ModuleSource> {
        let module = self.cell().runtime().get("workersModule")?;
        let mut exports = vec![("default".to_owned(), module.clone())];
        let mut known = BTreeSet::new();
        for key in module.own_keys(KeyFilter::Strings)? {
            let name = key.to_name()?;
            if known.insert(name.clone()) {
                exports.push((name.clone(), module.get(name.as_str())?));
            }
        }
        Ok(ModuleSource::Synthetic(exports))
    }
}

impl ModuleLoader for Modules {
    fn resolve(&self, context: Context, base: &str, specifier: &str) -> Result<String> {
        if PlatformModules::has(base) || PlatformModules::has(specifier) {
            return PlatformModules.resolve(context, base, specifier);
        }
        if [WORKERS, WORKFLOWS, EMAIL, VECTORIZE, common_js::NAME].contains(&specifier) {
            return Ok(specifier.to_owned());
        }
        if specifier.starts_with("./") || specifier.starts_with("../") || specifier.starts_with('/') {
            let folder = Path::new(base).parent().unwrap_or(Path::new("/"));
            let path = tidy(&folder.join(specifier));
            return Ok(file(&path).unwrap_or(path));
        }
        if self.root.is_none() && specifier.starts_with(DATA) {
            return Ok(specifier.to_owned());
        }
        if let Some(file) = self.bare(specifier).or_else(|| self.in_package(specifier)) {
            return Ok(file);
        }
        if let Some(name) = PlatformModules::node_module(specifier) {
            return PlatformModules.resolve(context, base, &name);
        }
        let advice = match self.root {
            Some(_) => "",
            None => "\n  A script imports files, by names that begin with \"./\", \"../\" or \"/\"",
        };
        // Elsewhere it is the runtime's own, on behalf of a function that takes a name.
        let importer = if Path::new(base).is_absolute() {
            format!("\n  imported from \"{}\"", self.shown(base))
        } else {
            String::new()
        };
        let message = format!("No such module \"{specifier}\".{importer}{advice}");
        Err(Thrown::named(context, "Error", &message))
    }

    fn load(&self, context: Context, name: &str, attributes: &Value) -> Result<ModuleSource> {
        if PlatformModules::has(name) {
            return PlatformModules.load(context, name, attributes);
        }
        match name {
            WORKERS => self.workers(),
            WORKFLOWS => Ok(ModuleSource::Synthetic(workflows::module(&self.cell())?)),
            EMAIL => Ok(ModuleSource::Synthetic(email::module(&self.cell())?)),
            common_js::NAME => common_js::exports(context, self).map(ModuleSource::Synthetic),
            VECTORIZE => Ok(ModuleSource::Synthetic(vectorize::module(context)?)),
            _ if name.starts_with(DATA) => given_by_name(context, name),
            _ => self.read(context, name, attributes),
        }
    }
}

/// The module that a `data:` URL is, which scripts may import as they do from Node and browsers.
/// <https://html.spec.whatwg.org/#fetch-a-single-module-script>
fn given_by_name(context: Context, url: &str) -> Result<ModuleSource> {
    let refused = |why: &str| Err(Thrown::type_error(context, &format!("\"{url}\" is no module: {why}.")));
    let Some((kind, bytes)) = hognose_web::read_data_url(url) else {
        return refused("this is not a URL with data");
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return refused("its data is not UTF-8 text");
    };
    match kind.split(';').next() {
        Some("text/javascript" | "application/javascript") => Ok(ModuleSource::JavaScript(text)),
        Some("application/json") => {
            Ok(ModuleSource::Synthetic(vec![("default".to_owned(), context.json_parse(&text, url)?)]))
        }
        _ => refused("only text/javascript and application/json are"),
    }
}

/// The file that a path means: as bundlers have it, its ending may be left out, and TypeScript may call a module by the
/// name of the JavaScript that it would be compiled to.
fn file(path: &str) -> Option<String> {
    let mut candidates = ENDINGS.iter().map(|ending| format!("{path}{ending}"));
    let found = candidates.find(|path| Path::new(path).is_file());
    found.or_else(|| {
        let typescript = format!("{}.ts", path.strip_suffix(".js")?);
        Path::new(&typescript).is_file().then_some(typescript)
    })
}

/// The path without `.` and `..`; no link is followed.
fn tidy(path: &Path) -> String {
    let mut tidied = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                tidied.pop();
            }
            other => tidied.push(other),
        }
    }
    tidied.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_their_dots() {
        assert_eq!(tidy(Path::new("/a/b/../c/./d.js")), "/a/c/d.js");
        assert_eq!(tidy(Path::new("/../a.js")), "/a.js");
    }
}
