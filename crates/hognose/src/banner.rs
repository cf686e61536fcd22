//! What `hognose dev` tells at its start, before the address: what is served, what its `env` holds,
//! and how strong the lock around it is.

use hognose_config::{Plan, Variable};

use crate::console::shortened;
use crate::interpreter::Interpreter;
use crate::lock::ChosenLock;
use crate::project::{Project, relative};

/// The most characters of a variable's value that are shown.
const VALUE_SHOWN_MAX: usize = 40;

/// The rows of the banner: a name and a text each.
pub(crate) fn rows(
    projects: &[Project],
    interpreter: &Interpreter,
    lock: &ChosenLock,
) -> Vec<(&'static str, String)> {
    let python = format!("{} ({})", interpreter.version(), interpreter.executable.display());
    let mut rows = vec![("python", python)];
    for Project { configuration, plan, .. } in projects {
        let name = plan.name.as_deref().unwrap_or("unnamed");
        rows.push(("worker", format!("{name} ({})", relative(configuration).display())));
        rows.extend(bindings(plan).map(|text| ("env", text)));
        rows.extend(plan.crons.iter().map(|cron| ("cron", cron.to_string())));
    }
    rows.extend(lock.rows());
    rows
}

/// What its `env` holds, a line each: first what keeps data, variables last.
pub(crate) fn bindings(plan: &Plan) -> impl Iterator<Item = String> {
    let variables = plan.vars.iter().map(|(name, variable)| format!("{name}: {}", shown(variable)));
    stored(plan).chain(called(plan)).chain(variables)
}

/// Bindings to what keeps data.
fn stored(plan: &Plan) -> impl Iterator<Item = String> {
    let namespaces = plan.kv_namespaces.iter().map(|kv| line(&kv.binding, "KV namespace", &kv.id));
    let databases = plan
        .d1_databases
        .iter()
        .map(|d1| line(&d1.binding, "D1 database", d1.name.as_ref().unwrap_or(&d1.id)));
    let buckets = plan.r2_buckets.iter().map(|r2| line(&r2.binding, "R2 bucket", &r2.name));
    let queues = plan.queue_producers.iter().map(|queue| line(&queue.binding, "queue", &queue.queue));
    let workflows = plan.workflows.iter().map(|flow| line(&flow.binding, "workflow", &flow.name));
    let objects = plan.objects.iter().map(|object| line(&object.binding, "Durable Objects", &object.class));
    let indexes =
        plan.vectorize.iter().map(|index| line(&index.binding, "Vectorize index", &index.index_name));
    let datasets = plan.analytics_datasets.iter().map(|data| line(&data.binding, "dataset", &data.dataset));
    let secrets =
        plan.stored_secrets.iter().map(|secret| line(&secret.binding, "stored secret", &secret.secret_name));
    let kept = namespaces.chain(databases).chain(buckets).chain(queues).chain(workflows);
    kept.chain(objects).chain(indexes).chain(datasets).chain(secrets)
}

/// Bindings to what is called.
fn called(plan: &Plan) -> impl Iterator<Item = String> {
    let services = plan.services.iter().map(|link| line(&link.binding, "Worker", &link.service));
    let certificates =
        plan.certificates.iter().map(|held| line(&held.binding, "client certificate", &held.certificate_id));
    let missing =
        plan.stand_ins.iter().map(|stand_in| line(&stand_in.binding, "not there yet:", &stand_in.key));
    services.chain(certificates).chain(nameless(plan)).chain(missing)
}

/// Bindings to what has no name but theirs.
fn nameless(plan: &Plan) -> impl Iterator<Item = String> {
    let alone =
        |name: &Option<String>, what| name.iter().map(|name| format!("{name}: {what}")).collect::<Vec<_>>();
    let products = [
        alone(&plan.ai, "Workers AI"),
        alone(&plan.images, "Images"),
        alone(&plan.version_metadata, "version metadata"),
        alone(&plan.assets.as_ref().and_then(|assets| assets.binding.clone()), "assets"),
    ];
    let loaders = plan.worker_loaders.iter().map(|name| format!("{name}: Worker loader"));
    let databases = plan.hyperdrive.iter().map(|database| format!("{}: Hyperdrive", database.binding));
    let limits = plan
        .rate_limits
        .iter()
        .map(|rate| format!("{}: rate limit, {} in {} seconds", rate.binding, rate.limit, rate.period_s));
    let senders = plan.send_email.iter().map(|sender| format!("{}: email", sender.binding));
    products.into_iter().flatten().chain(loaders).chain(databases).chain(limits).chain(senders)
}

fn line(binding: &str, kind: &str, name: &str) -> String {
    format!("{binding}: {kind} `{name}`")
}

/// A variable's value, short enough for a line. Secrets are not for screens.
fn shown(variable: &Variable) -> String {
    let value = match variable {
        Variable::Secret(_) => return "(secret)".into(),
        Variable::Text(text) => format!("{text:?}"),
        Variable::Json(value) => value.to_string(),
    };
    shortened(&value, VALUE_SHOWN_MAX).into_owned()
}
