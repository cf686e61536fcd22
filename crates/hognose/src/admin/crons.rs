//! Cron triggers: when each ran and is due next, and running one now.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use hognose_config::Schedule;
use hognose_services::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Admin;
use super::answers::{Answer, Problem, found};

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/crons", get(list)).route("/workers/{worker}/scheduled", post(run))
}

/// A trigger. Times are in milliseconds since the epoch.
#[derive(Serialize)]
struct Listed {
    worker: String,
    cron: String,
    last_ms: Option<i64>,
    next_ms: Option<i64>,
}

async fn list(State(admin): State<Arc<Admin>>) -> Answer<Vec<Listed>> {
    let now_ms = SystemClock.now_ms();
    let one = |worker: &String, schedule: &Schedule| {
        let last_ms = admin.engines.get().last_run(worker, schedule.text()).map_err(Problem::engine)?;
        let (worker, cron) = (worker.clone(), schedule.text().to_owned());
        Ok(Listed { worker, cron, last_ms, next_ms: schedule.next_after(now_ms) })
    };
    let crons = admin.catalog.crons();
    let listed = crons
        .iter()
        .flat_map(|(worker, schedules)| schedules.iter().map(move |schedule| one(worker, schedule)));
    Ok(found(listed.collect::<Result<_, Problem>>()?))
}

/// Which trigger to run.
#[derive(Deserialize)]
struct Run {
    cron: String,
    /// The time that the handler is told, in milliseconds since the epoch; now where there is none.
    time: Option<f64>,
}

/// Runs the handler once, as if the trigger were due. The clock's own runs are not touched by it.
async fn run(
    State(admin): State<Arc<Admin>>,
    Path(worker): Path<String>,
    Json(Run { cron, time }): Json<Run>,
) -> Answer<Value> {
    let crons = admin.catalog.crons();
    let schedules = crons.iter().find(|(name, _)| *name == worker).map(|(_, schedules)| schedules);
    if !schedules.is_some_and(|schedules| schedules.iter().any(|schedule| schedule.text() == cron)) {
        return Err(Problem::missing(format!("the Worker `{worker}` has no trigger `{cron}`")));
    }
    let time_ms = time.unwrap_or_else(|| SystemClock.now_ms() as f64);
    let ran = admin.monitor.run_scheduled(&worker, &cron, time_ms).await;
    let outcome = ran.map_err(Problem::engine)?.outcome;
    Ok(found(json!({ "outcome": outcome.name() })))
}
