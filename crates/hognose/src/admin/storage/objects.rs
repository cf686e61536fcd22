//! Durable Objects: which there are, what each has stored, and when its alarm is due. Looking at one does not wake it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use hognose_services::d1::Value as Sql;
use hognose_services::objects::{Answer as Stored, Entry, KeptObject, Namespace, ObjectStore, Operation};
use hognose_services::objects::{Range, Rows};
use hognose_wire::objects::ObjectId;
use hognose_wire::payload;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin::answers::{Answer, Found, Problem, found, page};
use crate::clones::shown;
use crate::table;

/// The most objects of one page.
const PAGE_MAX: usize = 1000;
/// How many keys, and rows of a table, are shown of one object: the first.
const SHOWN_MAX: u32 = 200;
/// The tables that an object's own code made.
const TABLES: &str = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name";

pub(super) fn routes() -> Router<Arc<Admin>> {
    let namespaces = "/workers/durable_objects/namespaces";
    Router::new()
        .route(namespaces, get(classes))
        .route(&format!("{namespaces}/{{key}}/objects"), get(objects))
        .route(&format!("{namespaces}/{{key}}/objects/{{id}}"), get(object))
        .route(&format!("{namespaces}/{{key}}/objects/{{id}}/tables/{{table}}"), get(rows))
}

/// A class of objects.
#[derive(Serialize)]
struct Listed {
    id: String,
    worker: String,
    class: String,
    sql: bool,
}

async fn classes(State(admin): State<Arc<Admin>>) -> Found<Vec<Listed>> {
    let of = |worker: String| {
        let classes = admin.engines.get().classes_of(&worker);
        classes.into_iter().map(move |(class, Namespace { key: id, sql })| {
            let worker = worker.clone();
            Listed { id, worker, class, sql }
        })
    };
    found(admin.catalog.workers().into_iter().flat_map(of).collect())
}

/// Which objects.
#[derive(Deserialize)]
struct Wanted {
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn objects(
    State(admin): State<Arc<Admin>>,
    Path(key): Path<String>,
    Query(Wanted { cursor, limit }): Query<Wanted>,
) -> Answer<Vec<Value>> {
    let namespace = namespace(&admin, &key)?;
    let store = admin.engines.get().objects();
    let alarms: HashMap<String, f64> =
        store.alarms().of(&key).map_err(Problem::engine)?.into_iter().collect();
    let mut kept = store.kept(&key).map_err(Problem::engine)?;
    kept.retain(|object| cursor.as_ref().is_none_or(|cursor| object.id > *cursor));
    let limit = limit.unwrap_or(100).clamp(1, PAGE_MAX);
    let next = kept.get(limit - 1).filter(|_| kept.len() > limit).map(|last| last.id.clone());
    let about = |KeptObject { id, bytes, changed_ms }: &KeptObject| {
        json!({
            "id": id,
            "bytes": bytes,
            "changed_ms": changed_ms,
            "alarm_ms": alarms.get(id),
            "lives": admin.monitor.object_lives(&namespace, id),
        })
    };
    Ok(page(kept.iter().take(limit).map(about).collect(), next))
}

async fn object(State(admin): State<Arc<Admin>>, Path((key, id)): Path<(String, String)>) -> Answer<Value> {
    let object = Opened::new(&admin, &key, &id)?;
    let range = Range { limit: Some(SHOWN_MAX), ..Range::default() };
    let Stored::Entries(entries) = object.ask(Operation::List(range)).await? else { return Err(unfit()) };
    let Stored::Number(bytes) = object.ask(Operation::Size).await? else { return Err(unfit()) };
    let Stored::Number(alarm_ms) = object.ask(Operation::Alarm).await? else { return Err(unfit()) };
    let tables = if object.namespace.sql { read(&object.run(TABLES).await?) } else { Vec::new() };
    let names: Vec<Value> = tables.into_iter().flatten().collect();
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    Ok(found(json!({ "bytes": bytes, "alarm_ms": alarm_ms, "entries": entries, "tables": names })))
}

async fn rows(
    State(admin): State<Arc<Admin>>,
    Path((key, id, table)): Path<(String, String, String)>,
) -> Answer<Value> {
    let object = Opened::new(&admin, &key, &id)?;
    let sql = format!("SELECT * FROM \"{}\" LIMIT {SHOWN_MAX}", table.replace('"', "\"\""));
    let rows = object.run(&sql).await?;
    Ok(found(json!({ "columns": rows.columns, "rows": read(&rows) })))
}

/// An object that has stored something.
struct Opened<'a> {
    admin: &'a Admin,
    namespace: Namespace,
    id: &'a str,
}

impl<'a> Opened<'a> {
    fn new(admin: &'a Admin, key: &str, id: &'a str) -> Result<Self, Problem> {
        let namespace = namespace(admin, key)?;
        let is_kept =
            || admin.engines.get().objects().kept(key).map(|kept| kept.iter().any(|object| object.id == id));
        if !(ObjectId { digits: id, name: None }).is_well_formed() || !is_kept().map_err(Problem::engine)? {
            return Err(Problem::missing(format!(
                "no object of this class with the id `{id}` has stored anything"
            )));
        }
        Ok(Self { admin, namespace, id })
    }

    async fn ask(&self, operation: Operation<'static>) -> Result<Stored<'static>, Problem> {
        let asked = self.admin.monitor.ask_object(&self.namespace, self.id, operation).await;
        asked.map_err(|error| Problem::engine(error.message))
    }

    /// Runs a statement that reads.
    async fn run(&self, sql: &str) -> Result<Rows<'static>, Problem> {
        let operation = Operation::Exec { sql: sql.to_owned().into(), params: Vec::new() };
        let Stored::Rows(rows) = self.ask(operation).await? else { return Err(unfit()) };
        Ok(rows)
    }
}

fn namespace(admin: &Admin, key: &str) -> Result<Namespace, Problem> {
    let classes =
        admin.catalog.workers().into_iter().flat_map(|worker| admin.engines.get().classes_of(&worker));
    let mut namespaces = classes.map(|(_, namespace)| namespace);
    let found = namespaces.find(|namespace| namespace.key == key);
    found.ok_or_else(|| Problem::missing(format!("no Worker that is served has the objects `{key}`")))
}

fn unfit() -> Problem {
    Problem::engine("the storage gave another answer than was asked for")
}

/// Rows as arrays, for columns need not have different names.
fn read(rows: &Rows<'_>) -> Vec<Vec<Value>> {
    let (mut cells, mut all) = (&*rows.cells, Vec::new());
    for _ in 0..rows.count {
        let mut row = Vec::new();
        for _ in &rows.columns {
            let Ok((cell, rest)) = payload::unpack_first::<Sql<'_>>(cells) else { return all };
            row.push(table::cell(&cell));
            cells = rest;
        }
        all.push(row);
    }
    all
}

/// A key and its value: the length of a clone's text, that text, and the bytes that it speaks of.
fn entry(Entry { key, value }: &Entry<'_>) -> Value {
    let text = value.split_first_chunk::<4>().and_then(|(length, rest)| {
        let text = rest.get(..u32::from_le_bytes(*length) as usize)?;
        std::str::from_utf8(text).ok()
    });
    json!({ "key": key, "bytes": value.len(), "value": text.map(shown) })
}
