//! What `hognose dev` tells at its start, before the address: what is served, what its `env` holds,
//! and how strong the lock around it is.

use hognose_config::{Plan, Variable};

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

/// What its `env` holds, a line each.
pub(crate) fn bindings(plan: &Plan) -> impl Iterator<Item = String> {
    let namespaces = plan.kv_namespaces.iter().map(|kv| format!("{}: KV namespace `{}`", kv.binding, kv.id));
    let databases = plan.d1_databases.iter().map(|d1| format!("{}: D1 database `{}`", d1.binding, d1.id));
    let buckets = plan.r2_buckets.iter().map(|r2| format!("{}: R2 bucket `{}`", r2.binding, r2.name));
    let queues =
        plan.queue_producers.iter().map(|queue| format!("{}: queue `{}`", queue.binding, queue.queue));
    let workflows = plan.workflows.iter().map(|flow| format!("{}: workflow `{}`", flow.binding, flow.name));
    let services = plan.services.iter().map(|link| format!("{}: Worker `{}`", link.binding, link.service));
    let variables = plan.vars.iter().map(|(name, variable)| format!("{name}: {}", shown(variable)));
    namespaces.chain(databases).chain(buckets).chain(queues).chain(workflows).chain(services).chain(variables)
}

/// A variable's value, short enough for a line. Secrets are not for screens.
fn shown(variable: &Variable) -> String {
    let value = match variable {
        Variable::Secret(_) => return "(secret)".into(),
        Variable::Text(text) => format!("{text:?}"),
        Variable::Json(value) => value.to_string(),
    };
    match value.char_indices().nth(VALUE_SHOWN_MAX) {
        Some((end, _)) => format!("{} ...", &value[..end]),
        None => value,
    }
}
