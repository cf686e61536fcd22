//! Running the instances of workflows: for each workflow of a version a task that waits until one is due, and for each
//! run one that has an isolate do it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hognose_services::workflows::{WorkflowError, WorkflowRuns};
use hognose_services::{Clock, SystemClock};
use hognose_wire::workflows::{Fault, Start};
use hognose_wire::{CapId, LogLevel};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::isolate::{Answer, Origin};
use crate::version::Version;

/// How many instances of a workflow run at a time; those that only wait do not count.
const RUNNING_MAX: usize = 256;

/// How often it is looked at whether another process has brought news.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A workflow whose class a Worker has.
#[derive(Clone)]
pub struct WorkflowHost {
    /// The number by which cells know `runs`, which is also among the services.
    pub cap: CapId,
    /// The class.
    pub class: String,
    /// The instances.
    pub runs: Arc<WorkflowRuns>,
}

/// Runs what is due until the version is retired. What runs then is asked to come to rest, and goes on in the next.
pub(crate) async fn run(version: Arc<Version>, host: WorkflowHost) {
    let places = Arc::new(Semaphore::new(RUNNING_MAX));
    while let Some(Ok(place)) =
        version.retiring().run_until_cancelled(Arc::clone(&places).acquire_owned()).await
    {
        let Some(start) = next(&version, &host).await else { return };
        let (running, host) = (Arc::clone(&version), host.clone());
        version.tasks().spawn(async move {
            run_once(&running, &host, &start).await;
            drop(place);
        });
    }
}

/// Waits for an instance to be due; `None` where the version is retired first.
async fn next(version: &Version, host: &WorkflowHost) -> Option<Start> {
    let runs = &host.runs;
    while !version.retiring().is_cancelled() {
        let seen = runs.signal().count();
        let now_ms = SystemClock.now_ms();
        let wait = match runs.next_due() {
            Ok(Some(due_ms)) if due_ms <= now_ms => match runs.claim(host.cap.0).wait().await {
                Ok(Some(start)) => return Some(start),
                Ok(None) => continue,
                Err(error) => complain(version, host, &error),
            },
            Ok(due_ms) => due_ms.map_or(LOOK_INTERVAL, |due_ms| {
                Duration::from_millis((due_ms - now_ms) as u64).min(LOOK_INTERVAL)
            }),
            Err(error) => complain(version, host, &error),
        };
        let waited = version.retiring().run_until_cancelled(timeout(wait, runs.signal().changed(seen))).await;
        if waited.is_some_and(|changed| changed.is_err()) {
            runs.nudge();
        }
    }
    None
}

/// Logs what is wrong with the instances, which are looked at again after a while.
fn complain(version: &Version, host: &WorkflowHost, error: &WorkflowError) -> Duration {
    let cause = match error {
        WorkflowError::Engine { cause } => cause.clone(),
        other => other.to_string(),
    };
    version.log(LogLevel::Error, format!("the workflow `{}`: {cause}", host.runs.name()));
    LOOK_INTERVAL
}

async fn run_once(version: &Arc<Version>, host: &WorkflowHost, start: &Start) {
    let text = serde_json::to_vec(start).expect("invariant: a start is plain data");
    let text = Bytes::from(text);
    let origin = Origin { entrypoint: Some(&host.class), ..Origin::default() };
    let answer = version.ask(|isolate| isolate.other(origin, "run", &text));
    let mut answer = std::pin::pin!(answer);
    let answer = tokio::select! {
        answer = &mut answer => answer,
        () = version.retiring().cancelled() => {
            host.runs.interrupt(start.run);
            answer.await
        }
    };
    let fault = match answer {
        Answer::Raised(raised) => Some(Fault { name: raised.name, message: raised.message }),
        Answer::Lost(reason) => {
            let name = host.runs.name();
            version.log(
                LogLevel::Warn,
                format!(
                    "the instance `{}` of the workflow `{name}` goes on in another run: {reason}",
                    start.id
                ),
            );
            None
        }
        Answer::Done | Answer::Response(_) | Answer::Value(_) => None,
    };
    if let Err(error) = host.runs.over(start.run, fault).wait().await {
        complain(version, host, &error);
    }
}
