//! From a wrangler configuration to a [`Plan`].
//!
//! One function per group of keys; each reports what is wrong with its own and goes on, so that all mistakes
//! come out at once. Keys that only matter to Cloudflare's deployment or to bundling JavaScript are accepted.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::assets;
use crate::bindings;
use crate::certificates;
use crate::compatibility::{self, Compatibility};
use crate::date::Date;
use crate::diagnostic::{Code, Diagnostic, Reading, Report};
use crate::hyperdrive;
use crate::layers::Layers;
use crate::metering;
use crate::objects;
use crate::plan::{Build, CPU_MS_MAX, Dev, Limits, Plan, SUBREQUESTS_MAX, Variable};
use crate::section::Section;
use crate::services;
use crate::storage;
use crate::tree::{self, Format, Node, Value};
use crate::triggers;
use crate::{modules, observability};

/// What [`parse`] has to know besides the text.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Where the configuration lies; its folder is what the paths in it are relative to.
    pub path: &'a Path,
    /// The environment asked for with `--env` or `CLOUDFLARE_ENV`.
    pub environment: Option<&'a str>,
    /// The main file, whatever the configuration says.
    pub script: Option<&'a Path>,
    /// Today (UTC): the compatibility date of a configuration without one, and the latest one allowed.
    pub today: Date,
}

/// Keys that change nothing here: Cloudflare's accounts and deployment, and the bundling of JavaScript.
const ACCEPTED_INHERITED: &[&str] = &[
    "access",
    "account_id",
    "cache",
    "cloudchamber",
    "compliance_region",
    "containers",
    "exports",
    "first_party_worker",
    "jsx_factory",
    "jsx_fragment",
    "keep_names",
    "logfwdr",
    "logpush",
    "minify",
    "no_bundle",
    "placement",
    "preview_urls",
    "previews",
    "tsconfig",
    "upload_source_maps",
    "workers_dev",
];

/// The same, for keys of the top level only.
const ACCEPTED_TOP: &[&str] =
    &["$schema", "alias", "keep_vars", "legacy_env", "pages_build_output_dir", "send_metrics", "site"];

/// Reads the text of a wrangler configuration.
pub fn parse(text: &str, format: Format, options: &Options<'_>) -> Reading<Plan> {
    let report = Report::default();
    let plan = tree::parse(text, format, &report).map(|(table, span)| {
        let top = Section::new(&table, "", span, &report);
        let layers = Layers::choose(top, options.environment);
        let plan = plan(&layers, options);
        layers.accept(ACCEPTED_INHERITED);
        layers.top.accept(ACCEPTED_TOP);
        layers.finish();
        plan
    });
    report.conclude(plan)
}

fn plan(layers: &Layers<'_>, options: &Options<'_>) -> Plan {
    let stand_ins = bindings::check(layers);
    check_unusable(layers);
    let directory = options.path.parent().unwrap_or(Path::new(""));
    let main = main(layers, directory).map(|main| options.script.map_or(main, Path::to_owned));
    let is_python =
        main.as_deref().is_none_or(|main| main.extension().is_some_and(|extension| extension == "py"));
    let Compatibility { date, flags, handlers, python } =
        compatibility::read(layers, options.today, is_python);
    let (queue_producers, queue_consumers, queue_pulls) = storage::queues(layers);
    Plan {
        name: name(layers, options.environment),
        environment: options.environment.map(str::to_owned),
        base_dir: match options.script {
            Some(script) => script.parent().unwrap_or(directory).to_owned(),
            None => base_dir(layers, directory, main.as_deref()),
        },
        directory: directory.to_owned(),
        // Without assets that is an error in the report, and this plan is read no further.
        main: main.unwrap_or_default(),
        compatibility_date: date,
        compatibility_flags: flags,
        handlers,
        python,
        kv_namespaces: storage::kv_namespaces(layers),
        d1_databases: storage::d1_databases(layers),
        r2_buckets: storage::r2_buckets(layers),
        ai: storage::ai(layers),
        images: storage::images(layers),
        vectorize: storage::vectorize(layers),
        queue_producers,
        version_metadata: storage::version_metadata(layers),
        queue_consumers,
        queue_pulls,
        rate_limits: metering::rate_limits(layers),
        analytics_datasets: metering::analytics_datasets(layers),
        stored_secrets: storage::stored_secrets(layers),
        hyperdrive: hyperdrive::hyperdrive(layers),
        stand_ins,
        assets: assets::assets(layers, directory),
        objects: objects::bindings(layers),
        migrations: objects::migrations(layers),
        services: services::services(layers),
        worker_loaders: services::worker_loaders(layers),
        certificates: certificates::bindings(layers),
        tail_consumers: services::tail_consumers(layers),
        send_email: services::send_email(layers),
        workflows: services::workflows(layers),
        vars: vars(layers),
        required_secrets: required_secrets(layers),
        routes: triggers::routes(layers),
        crons: triggers::crons(layers),
        limits: limits(layers),
        observability: layers.inherited("observability", Section::section).map(observability::read),
        dev: dev(layers),
        build: build(layers),
        rules: modules::rules(layers),
        python_modules_exclude: modules::python_modules_exclude(layers),
    }
}

/// The environment's own name, else the top level's with the environment behind it.
fn name(layers: &Layers<'_>, environment: Option<&str>) -> Option<String> {
    let name = layers.inherited("name", Section::string)?;
    let well_formed = name.value.bytes().enumerate().all(|(index, byte)| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || (byte == b'-' && index > 0)
    });
    if name.value.is_empty() || !well_formed {
        let message = format!(
            "Expected \"{}\" to be of type string, alphanumeric and lowercase with dashes only but got {}.",
            layers.innermost().path_of("name"),
            serde_json::Value::from(name.value)
        );
        let label = "only a-z, 0-9, _ and - can be used";
        layers.top.report.push(Diagnostic::error(Code::InvalidValue, message).at(name.span, label));
        return None;
    }
    let environment = environment.filter(|_| !layers.environment_has("name"));
    Some(environment.map_or(name.value.to_owned(), |environment| format!("{}-{environment}", name.value)))
}

fn main(layers: &Layers<'_>, directory: &Path) -> Option<PathBuf> {
    let report = layers.top.report;
    if layers.inherited("main", Section::node).is_none() {
        if layers.inherited("assets", Section::node).is_some() {
            return None;
        }
        let message = "Missing entry-point to Worker script or to assets directory";
        report.push(
            Diagnostic::error(Code::MissingKey, message)
                .help("name the main Python file, for example: main = \"src/entry.py\""),
        );
        return None;
    }
    let main = layers.inherited("main", Section::string)?;
    let extension = Path::new(main.value).extension().and_then(|extension| extension.to_str());
    if !matches!(extension, Some("py" | "js" | "mjs" | "ts" | "mts")) {
        let message =
            format!("\"main\" is neither a Python nor a JavaScript or TypeScript file: {}", main.value);
        report.push(
            Diagnostic::error(Code::InvalidValue, message)
                .at(main.span, "should end in .py, .js, .mjs, .ts or .mts")
                .help("name the Worker's main module, for example: main = \"src/entry.py\""),
        );
        return None;
    }
    Some(resolve(directory, main.value))
}

/// The folder that module names start from, by default that of the main file, which must lie inside it.
fn base_dir(layers: &Layers<'_>, directory: &Path, main: Option<&Path>) -> PathBuf {
    layers.accept(&["find_additional_modules", "preserve_file_names"]);
    let Some(given) = layers.inherited("base_dir", Section::string) else {
        return main.and_then(Path::parent).unwrap_or(directory).to_owned();
    };
    let base_dir = resolve(directory, given.value);
    if main.is_some_and(|main| !main.starts_with(&base_dir)) {
        let message = format!("\"main\" does not lie in \"base_dir\" ({})", given.value);
        let diagnostic = Diagnostic::error(Code::Conflict, message);
        layers.top.report.push(diagnostic.at(given.span, "the main file must lie in this folder"));
    }
    base_dir
}

/// `relative` seen from `directory`, without `.` and, where a name can be dropped for it, without `..`.
pub(crate) fn resolve(directory: &Path, relative: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for component in directory.join(relative).components() {
        match (component, path.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                path.pop();
            }
            (other, _) => path.push(other),
        }
    }
    path
}

fn vars(layers: &Layers<'_>) -> BTreeMap<String, Variable> {
    let Some(vars) = layers.own("vars", object) else { return BTreeMap::new() };
    warn_of_vars_left_behind(layers, &vars);
    for entry in &vars.table.entries {
        if bindings::is_binding(&entry.key) {
            let message = format!("\"{}\" stands inside \"{}\" and so is a variable", entry.key, vars.path());
            let diagnostic =
                Diagnostic::warning(Code::InvalidValue, message).at(entry.key_span, "not a binding here");
            vars.report.push(diagnostic.help("in TOML, top-level keys come before the first [table]"));
        }
        if let Some(span) = entry.node.first_date() {
            let message = format!(
                "The field \"{}\" is a TOML date, which is not supported. Please use a string instead, e.g. {} = \
                 \"2025-12-19\".",
                vars.path_of(&entry.key),
                entry.key
            );
            let diagnostic = Diagnostic::error(Code::WrongType, message);
            vars.report.push(diagnostic.at(span, "put it in quotes"));
        }
    }
    let variable = |node: &Node| match &node.value {
        Value::String(text) => Variable::Text(text.clone()),
        _ => Variable::Json(node.to_json()),
    };
    vars.table.entries.iter().map(|entry| (entry.key.clone(), variable(&entry.node))).collect()
}

fn warn_of_vars_left_behind(layers: &Layers<'_>, vars: &Section<'_>) {
    let Some(top) = layers.overridden("vars") else { return };
    let left: Vec<String> = top
        .node
        .as_table()
        .into_iter()
        .flat_map(|table| &table.entries)
        .filter(|entry| !vars.has(&entry.key))
        .map(|entry| format!("- {}", entry.key))
        .collect();
    if left.is_empty() {
        return;
    }
    let path = vars.path();
    let message = format!(
        "The following vars exist at the top level, but not on \"{path}\".\nThis is probably not what you want, \
         since \"vars\" configuration is not inherited by environments.\nPlease add these vars to \"{path}\":\n{}",
        left.join("\n")
    );
    let diagnostic = Diagnostic::warning(Code::Environment, message);
    layers.top.report.push(diagnostic.at(top.key_span, "not used in this environment"));
}

fn required_secrets(layers: &Layers<'_>) -> Option<Vec<String>> {
    layers.warn_if_left_behind("secrets");
    let secrets = layers.own("secrets", object)?;
    let required = secrets.owned_strings("required");
    secrets.finish();
    required
}

/// A section, with the words wrangler has for anything else where it wants one.
fn object<'a>(section: &Section<'a>, key: &'static str) -> Option<Section<'a>> {
    let node = section.node(key)?;
    if node.as_table().is_some() {
        return section.section(key);
    }
    let message =
        format!("The field \"{}\" should be an object but got {}.", section.path_of(key), node.shown());
    let label = format!("expected an object, found {}", node.type_name());
    section.report.push(Diagnostic::error(Code::WrongType, message).at(node.span, label));
    None
}

fn limits(layers: &Layers<'_>) -> Limits {
    let Some(section) = layers.inherited("limits", Section::section) else { return Limits::default() };
    let limits = Limits {
        cpu_ms: section.integer("cpu_ms", 1..=CPU_MS_MAX),
        subrequests: section.integer("subrequests", 1..=SUBREQUESTS_MAX),
    };
    section.finish();
    limits
}

fn dev(layers: &Layers<'_>) -> Dev {
    let Some(section) = layers.top.section("dev") else { return Dev::default() };
    let https = [("http", false), ("https", true)];
    let dev = Dev {
        https: section.choice("local_protocol", &https).unwrap_or(false),
        ip: section.string("ip").map(|ip| ip.value.to_owned()),
        port: section.integer("port", 0..=u64::from(u16::MAX)).map(|port| port as u16),
        host: section.string("host").map(|host| host.value.to_owned()),
    };
    section.choice("upstream_protocol", &https);
    section.accept(&["inspector_port", "inspector_ip", "generate_types", "enable_containers"]);
    section.finish();
    dev
}

/// Keys that would be wrong to pass over: they ask for something that does not happen.
fn check_unusable(layers: &Layers<'_>) {
    layers.warn_if_left_behind("define");
    layers.accept(&["define"]);
    let report = layers.top.report;
    for (key, instead) in [
        ("wasm_modules", "import the .wasm module directly in your code"),
        ("text_blobs", "import the file directly in your code, and optionally configure `[rules]`"),
        ("data_blobs", "import the file directly in your code, and optionally configure `[rules]`"),
    ] {
        layers.top.accept(&[key]);
        if let Some(entry) = layers.top.table.entry(key) {
            let message = format!("You cannot configure [{key}] with a Python Worker");
            let diagnostic = Diagnostic::error(Code::Unsupported, message);
            report.push(diagnostic.at(entry.key_span, "only for service-worker scripts").help(instead));
        }
    }
}

fn build(layers: &Layers<'_>) -> Option<Build> {
    let section = layers.inherited("build", Section::section)?;
    section.accept(&["watch_dir"]);
    let directory = section.string("cwd").map(|directory| PathBuf::from(directory.value)).unwrap_or_default();
    let command = section.string("command").map(|command| command.value.to_owned());
    section.finish();
    Some(Build { command: command.filter(|command| !command.is_empty())?, directory })
}

impl Node {
    /// Where a TOML date stands in the value, if anywhere.
    fn first_date(&self) -> Option<tree::Span> {
        match &self.value {
            Value::Date(_) => Some(self.span),
            Value::Array(items) => items.iter().find_map(Self::first_date),
            Value::Table(table) => table.entries.iter().find_map(|entry| entry.node.first_date()),
            _ => None,
        }
    }
}
