//! `env`: the client half of each binding. A binding's object holds a capability's number and nothing else; what it may
//! do is decided by the supervisor, who looks the number up.

mod ai;
mod cache;
pub(crate) mod cells;
mod content;
mod d1;
pub(crate) mod email;
mod hyperdrive;
mod images;
mod kv;
mod loader;
pub(crate) mod natives;
mod plain;
pub(crate) mod queues;
mod r2;
mod stand_in;
pub(crate) mod vectorize;
pub(crate) mod workflows;

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use hognose_engine::{ErrorKind, Result, Thrown, Value};
use hognose_wire::control::{EnvEntry, Given, Worker};

use crate::cell::Cell;
use crate::objects;

/// Makes the class of one kind of binding.
type MakeClass = fn(&Rc<Cell>) -> Result<Value>;

/// Every kind of binding: its name on the wire, and the class of its objects.
const KINDS: [(&str, MakeClass); 14] = [
    ("ai", ai::class),
    ("analytics", plain::analytics),
    ("d1", d1::class),
    ("fetcher", |cell| cell.rpc().get("Fetcher")),
    ("images", images::class),
    ("kv", kv::class),
    ("queue", queues::class),
    ("r2", r2::class),
    ("rate_limit", plain::rate_limit),
    ("send_email", email::class),
    ("stored_secret", plain::stored_secret),
    ("vectorize", vectorize::class),
    ("worker_loader", loader::class),
    ("workflow", workflows::class),
];

/// The JavaScript object `env` of a Worker. `caches`, which is no binding but works like one, becomes a global.
pub(crate) fn build(cell: &Rc<Cell>, worker: &Worker) -> Result<Value> {
    let context = cell.context;
    let env = context.object()?;
    let mut classes = HashMap::new();
    if let Some(cap) = worker.cache {
        cache::define(cell, cap)?;
    }
    for (name, entry) in &worker.env {
        let value = match entry {
            EnvEntry::Text(text) => context.string(text)?,
            EnvEntry::Json(text) => context.json_parse(text, name)?,
            EnvEntry::Objects { cap, key } => {
                let arguments = [context.number(cap.0), context.string(key)?];
                objects::namespace_class(cell)?.construct(&arguments)?
            }
            EnvEntry::StandIn(key) => stand_in::make(cell, name, key)?,
            EnvEntry::Hyperdrive(text) => hyperdrive::class(cell)?.construct(&[context.string(text)?])?,
            EnvEntry::Binding { kind, cap } => {
                if !classes.contains_key(kind) {
                    classes.insert(kind, class(cell, kind)?);
                }
                classes[kind].construct(&[context.number(cap.0)])?
            }
        };
        env.define(name.as_str(), &value)?;
    }
    if let Some(given) = &worker.given {
        add_given(cell, &env, (&worker.module_root, given))?;
    }
    Ok(env)
}

/// Adds what came with the code of a Worker that another one loads: the first element of a structured clone.
fn add_given(cell: &Rc<Cell>, env: &Value, (root, given): (&str, &Given)) -> Result<()> {
    let clone = std::fs::read(Path::new(root).join(&given.file));
    let clone =
        clone.map_err(|error| Thrown::type_error(cell.context, &format!("`env` is not there: {error}")))?;
    let caps: Vec<Value> = given.caps.iter().map(|cap| cell.context.number(cap.0)).collect();
    let values = cell.rpc().decode(&clone, &caps, Vec::new())?.elements()?;
    let Some(own) = values.first() else { return Ok(()) };
    let assign = cell.context.global().get("Object")?.get("assign")?;
    assign.call_function(&[env.clone(), own.clone()]).map(drop)
}

fn class(cell: &Rc<Cell>, kind: &str) -> Result<Value> {
    let Some((_, make)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let message = format!("the cell knows no binding of the kind \"{kind}\"");
        return Err(Thrown::new(cell.context, ErrorKind::TypeError, &message));
    };
    make(cell)
}
