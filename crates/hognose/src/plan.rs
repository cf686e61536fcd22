//! From a configuration's plan to what the server runs: the Worker as its cells know it, and beside it the services
//! behind its bindings. The numbers that both sides use for a capability are given out here and nowhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hognose_config::{
    Hyperdrive, ModuleKind as ConfiguredKind, Plan, Route as ConfiguredRoute, ServiceBinding, Variable,
    is_connection_string,
};
use hognose_services::Service;
use hognose_services::queues::QueueConsumer;
use hognose_supervisor::{
    ClientIdentity, CodeLoader, ObjectLink, Route, ServiceLink, WayOut, WorkerLimits, WorkerVersion,
    WorkflowHost,
};
use hognose_wire::CapId;
use hognose_wire::control::{Base, EnvEntry, ModuleKind, ModuleRule, Worker};
use serde_json::json;

use crate::dynamic::DynamicWorkers;
use crate::engines::{Bound, Engines};
use crate::error::CommandError;
use crate::label::Label;

/// The capability through which `fetch()` leaves.
pub(crate) const OUTBOUND: CapId = CapId(1);

/// The capability behind `caches`; the bindings follow in the order of the configuration.
const CACHE: CapId = CapId(2);

/// The flag by which a Worker finds its own exports in `ctx.exports`.
pub(crate) const EXPORTS_FLAG: &str = "enable_ctx_exports";

/// What the environment's variables with connection strings are called, before the name of the binding.
const CONNECTION_STRINGS: [&str; 2] =
    ["CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_", "WRANGLER_HYPERDRIVE_LOCAL_CONNECTION_STRING_"];

/// The name of a Worker whose configuration gives none.
const UNNAMED: &str = "worker";

/// The version of a Worker that `plan` describes.
pub(crate) fn version(
    plan: &Plan,
    label: &Label,
    engines: &Engines,
    ai: Arc<dyn Service>,
    identities: Vec<ClientIdentity>,
    (base, scratch_dir, dynamic): (Base, String, PathBuf),
) -> Result<WorkerVersion, CommandError> {
    let mut env = plain_entries(plan, label)?;
    let mut services: Vec<(CapId, Arc<dyn Service>)> = vec![(CACHE, engines.cache(name(plan))?)];
    for (number, Bound { name, kind, service }) in (CACHE.0 + 1..).zip(engines.bindings(plan, ai)?) {
        let cap = CapId(number);
        services.push((cap, service));
        env.insert(name, EnvEntry::Binding { kind: kind.to_owned(), cap });
    }
    let consumers = consumers(plan, engines, &mut services)?;
    let workflows = workflows(plan, engines, &mut services);
    let email = CapId(CACHE.0 + services.len() as u32);
    services.push((email, engines.mail()));
    let first_link = OUTBOUND.0 + 1 + services.len() as u32;
    let links: Vec<(CapId, ServiceLink)> =
        (first_link..).map(CapId).zip(plan.services.iter().map(link)).collect();
    let named = plan.services.iter().map(|binding| binding.binding.as_str());
    env.extend(named.zip(links.iter().map(|(cap, _)| fetcher(*cap))));
    let assets = engines.assets(plan)?.map(|assets| (CapId(first_link + links.len() as u32), assets));
    let fetched = plan.assets.as_ref().and_then(|assets| assets.binding.as_ref());
    env.extend(fetched.map(String::as_str).zip(assets.as_ref().map(|(cap, _)| fetcher(*cap))));
    let object_links = object_links(plan, engines, first_link + links.len() as u32 + 1)?;
    for ((cap, link), binding) in object_links.iter().zip(&plan.objects) {
        env.insert(&binding.binding, EnvEntry::Objects { cap: *cap, key: link.namespace.key.clone() });
    }
    let first_loader = first_link + (links.len() + 1 + object_links.len()) as u32;
    let loaders = loaders(plan, first_loader, &base, &dynamic);
    let loader = |cap: CapId| EnvEntry::Binding { kind: "worker_loader".to_owned(), cap };
    env.extend(
        plan.worker_loaders.iter().map(String::as_str).zip(loaders.iter().map(|(cap, _)| loader(*cap))),
    );
    let next = first_loader + loaders.len() as u32;
    let identities: Vec<(CapId, ClientIdentity)> = (next..).map(CapId).zip(identities).collect();
    let named = plan.certificates.iter().map(|binding| binding.binding.as_str());
    env.extend(named.zip(identities.iter().map(|(cap, _)| fetcher(*cap))));
    let env = env.into_iter().map(|(name, entry)| (name.to_owned(), entry)).collect();
    let is_exported = plan.compatibility_flags.iter().any(|flag| flag == (EXPORTS_FLAG, true));
    let loopback = is_exported.then_some(CapId(next + identities.len() as u32));
    let own_classes = engines.object_classes(plan)?;
    let classes = own_classes.iter().map(|link| (link.class.clone(), link.namespace.key.clone())).collect();
    let worker = Worker { loopback, scratch_dir, email: Some(email), classes, ..worker(plan, env) };
    Ok(WorkerVersion {
        id: label.id.clone(),
        worker,
        base,
        limits: WorkerLimits::default(),
        routes: routes(plan),
        services,
        consumers,
        crons: engines.crons(plan),
        workflows,
        assets,
        links,
        object_links,
        given_objects: Vec::new(),
        identities,
        classes: own_classes,
        loaders,
        way_out: WayOut::Network,
        tails: tails(plan),
    })
}

/// The consumers of the queues that the Worker gets messages of; each is one more of its services.
fn consumers(
    plan: &Plan,
    engines: &Engines,
    services: &mut Vec<(CapId, Arc<dyn Service>)>,
) -> Result<Vec<(CapId, Arc<QueueConsumer>)>, CommandError> {
    let mut consumers = Vec::new();
    for consumer in engines.consumers(plan)? {
        let cap = CapId(CACHE.0 + services.len() as u32);
        services.push((cap, Arc::clone(&consumer) as Arc<dyn Service>));
        consumers.push((cap, consumer));
    }
    Ok(consumers)
}

/// The workflows whose classes the Worker has; each is one more of its services.
fn workflows(
    plan: &Plan,
    engines: &Engines,
    services: &mut Vec<(CapId, Arc<dyn Service>)>,
) -> Vec<WorkflowHost> {
    let mut hosts = Vec::new();
    for (class, runs) in engines.workflows(plan) {
        let cap = CapId(CACHE.0 + services.len() as u32);
        services.push((cap, Arc::clone(&runs) as Arc<dyn Service>));
        hosts.push(WorkflowHost { cap, class: class.to_owned(), runs });
    }
    hosts
}

/// What loads Workers at run time, numbered from `first` on, with the folder for their files.
fn loaders(plan: &Plan, first: u32, base: &Base, folder: &Path) -> Vec<(CapId, Arc<dyn CodeLoader>)> {
    let loader = |_| Arc::new(DynamicWorkers::new(folder.to_owned(), base.clone())) as Arc<dyn CodeLoader>;
    (first..).map(CapId).zip(plan.worker_loaders.iter().map(loader)).collect()
}

/// What requests can be sent through.
fn fetcher(cap: CapId) -> EnvEntry {
    EnvEntry::Binding { kind: "fetcher".to_owned(), cap }
}

/// What is in `env` without anybody answering for it.
fn plain_entries<'a>(plan: &'a Plan, label: &Label) -> Result<BTreeMap<&'a str, EnvEntry>, CommandError> {
    let mut env: BTreeMap<&str, EnvEntry> =
        plan.vars.iter().map(|(name, variable)| (name.as_str(), variable_entry(variable))).collect();
    if let Some(name) = &plan.version_metadata {
        let Label { id, tag, timestamp } = label;
        let metadata = json!({ "id": id, "tag": tag, "timestamp": timestamp });
        env.insert(name, EnvEntry::Json(metadata.to_string()));
    }
    for stand_in in &plan.stand_ins {
        env.insert(&stand_in.binding, EnvEntry::StandIn(stand_in.key.clone()));
    }
    for database in &plan.hyperdrive {
        env.insert(&database.binding, EnvEntry::Hyperdrive(connection_string(database)?));
    }
    Ok(env)
}

/// Where a database is: what the environment says, as for wrangler, else the configuration.
fn connection_string(database: &Hyperdrive) -> Result<String, CommandError> {
    let named = CONNECTION_STRINGS.iter().find_map(|prefix| {
        std::env::var(format!("{prefix}{}", database.binding)).ok().filter(|text| !text.is_empty())
    });
    let missing = || CommandError::NoDatabase(database.binding.clone());
    named
        .or_else(|| database.connection_string.clone())
        .filter(|text| is_connection_string(text))
        .ok_or_else(missing)
}

/// The namespaces of Durable Objects in `env`, numbered from `first` on.
fn object_links(
    plan: &Plan,
    engines: &Engines,
    first: u32,
) -> Result<Vec<(CapId, ObjectLink)>, CommandError> {
    Ok((first..).map(CapId).zip(engines.object_links(plan)?).collect())
}

fn link(binding: &ServiceBinding) -> ServiceLink {
    let ServiceBinding { service, entrypoint, props, .. } = binding;
    let props = serde_json::Value::Object(props.clone()).to_string();
    ServiceLink::new(service.clone(), entrypoint.clone(), props)
}

/// The Workers that are told of its invocations.
fn tails(plan: &Plan) -> Vec<ServiceLink> {
    let consumers = plan.tail_consumers.iter();
    consumers.map(|service| ServiceLink::new(service.clone(), None, String::new())).collect()
}

/// What the Worker is called.
pub(crate) fn name(plan: &Plan) -> &str {
    plan.name.as_deref().unwrap_or(UNNAMED)
}

fn routes(plan: &Plan) -> Vec<Route> {
    let route = |route: &ConfiguredRoute| {
        if route.custom_domain { Route::domain(&route.pattern) } else { Route::new(&route.pattern) }
    };
    plan.routes.iter().map(route).collect()
}

/// The Worker as its cells know it, apart from its bindings.
pub(crate) fn worker(plan: &Plan, env: Vec<(String, EnvEntry)>) -> Worker {
    Worker {
        name: name(plan).to_owned(),
        module_root: text(&plan.base_dir),
        scratch_dir: String::new(),
        main: text(plan.main.strip_prefix(&plan.base_dir).unwrap_or(&plan.main)),
        python_modules: python_modules(plan).map(|folder| text(&folder)),
        compatibility_date: plan.compatibility_date.map(|date| date.to_string()).unwrap_or_default(),
        flags: plan.compatibility_flags.iter().map(|(name, on)| (name.to_owned(), on)).collect(),
        module_rules: module_rules(plan),
        global_handlers: plan.handlers.global,
        class_handlers: plan.handlers.class,
        env,
        outbound: OUTBOUND,
        cache: Some(CACHE),
        loopback: None,
        tailed: !plan.tail_consumers.is_empty(),
        email: None,
        classes: Vec::new(),
        given: None,
    }
}

/// The rules for files that JavaScript can import here.
fn module_rules(plan: &Plan) -> Vec<ModuleRule> {
    let rules = plan.rules.iter().filter_map(|rule| {
        let kind = match rule.kind {
            ConfiguredKind::EsModule => ModuleKind::EsModule,
            ConfiguredKind::CommonJs => ModuleKind::CommonJs,
            ConfiguredKind::Text => ModuleKind::Text,
            ConfiguredKind::Data => ModuleKind::Data,
            _ => return None,
        };
        Some(ModuleRule { kind, globs: rule.globs.clone() })
    });
    rules.collect()
}

fn variable_entry(variable: &Variable) -> EnvEntry {
    match variable {
        Variable::Text(value) | Variable::Secret(value) => EnvEntry::Text(value.clone()),
        Variable::Json(value) => EnvEntry::Json(value.to_string()),
    }
}

/// The packages that pywrangler has put beside the configuration, where it has.
pub(crate) fn python_modules(plan: &Plan) -> Option<PathBuf> {
    Some(plan.directory.join("python_modules")).filter(|folder| folder.is_dir())
}

/// What the base imports, so that a reload need not: the SDK, where the main module uses it and the project has none of
/// its own. Other packages are left to a fork of the base ([`Role::Packages`](hognose_wire::control::Role::Packages)), for
/// they may start threads, and a base with threads could not be forked.
pub(crate) fn preload(plan: &Plan) -> Vec<String> {
    let source = std::fs::read_to_string(&plan.main).unwrap_or_default();
    let uses_sdk =
        source.lines().any(|line| line.starts_with("from workers") || line.starts_with("import workers"));
    if uses_sdk && python_modules(plan).is_none() { vec!["workers".to_owned()] } else { Vec::new() }
}

/// Paths travel as text. One that is not UTF-8 was refused with the configuration.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
