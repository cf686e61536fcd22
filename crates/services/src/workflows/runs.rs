//! Running the instances of one workflow: which is due, what a run asks while it goes on, and how it ends.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hognose_wire::workflows::{BeginStep, End, Fault, FinishStep, News, Run, Start, Suspend, Watch};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::binding::{Argument, answer};
use super::store::check_size;
use super::{WorkflowError, Workflows, instances, steps};
use crate::queues::Signal;
use crate::{Answer, Call, CallError, Pending, Service, block_on};

/// How long an instance whose run was lost rests before the next, in milliseconds.
const LOST_REST_MS: i64 = 1000;

/// The instances of one workflow, for whoever runs them. As a service it takes the calls of their runs.
pub struct WorkflowRuns {
    workflows: Workflows,
    name: String,
    steps_max: u64,
    /// Runs that are to come to rest although nobody has paused them.
    interrupted: Interrupted,
}

#[derive(Clone, Default)]
struct Interrupted(Arc<Mutex<HashSet<Run>>>);

impl Interrupted {
    fn runs(&self) -> MutexGuard<'_, HashSet<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkflowRuns {
    /// For the workflow of that name.
    pub fn new(workflows: Workflows, name: &str, steps_max: u64) -> Self {
        Self { workflows, name: name.to_owned(), steps_max, interrupted: Interrupted::default() }
    }

    /// The workflow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Raised whenever something may have become due.
    pub fn signal(&self) -> &Signal {
        &self.workflows.0.signal
    }

    /// Makes runs look for news that another process may have brought.
    pub fn nudge(&self) {
        self.workflows.0.signal.raise();
    }

    /// Lets go on what was running when an earlier server ended: to be called once at the start. Waits for the disk.
    pub fn recover(workflows: &Workflows) -> Result<(), WorkflowError> {
        let now_ms = workflows.0.clock.now_ms();
        let recovered = workflows.change(move |transaction| {
            instances::expire(transaction, now_ms)?;
            let sql = "UPDATE instances SET due_ms = ?1, epoch = epoch + 1
                WHERE due_ms IS NULL AND status IN ('running', 'waitingForPause')";
            transaction.execute(sql, [now_ms])?;
            Ok(Ok(()))
        });
        block_on(recovered.wait())
    }

    /// When the next instance is due, in milliseconds since the epoch.
    pub fn next_due(&self) -> Result<Option<i64>, WorkflowError> {
        let sql = "SELECT min(due_ms) FROM instances WHERE workflow = ?1 AND due_ms IS NOT NULL";
        Ok(self
            .workflows
            .0
            .database
            .read(|connection| connection.query_row(sql, [&self.name], |row| row.get(0)))?)
    }

    /// Begins a run of the instance that has been due for longest. `through` is the number by which its cell knows
    /// this service.
    pub fn claim(&self, through: u32) -> Pending<Result<Option<Start>, WorkflowError>> {
        let (name, steps_max, now_ms) = (self.name.clone(), self.steps_max, self.workflows.0.clock.now_ms());
        self.workflows.change(move |transaction| {
            instances::expire(transaction, now_ms)?;
            Ok(Ok(claim(transaction, &name, now_ms)?.map(|mut start| {
                (start.through, start.steps_max) = (through, steps_max);
                start.workflow.clone_from(&name);
                start
            })))
        })
    }

    /// Asks a run to come to rest: its version is taken down.
    pub fn interrupt(&self, run: Run) {
        self.interrupted.runs().insert(run);
        self.nudge();
    }

    /// A run is over. Where it has not said how, it has failed if there is a fault; else it was lost, and another one
    /// begins after a rest.
    pub fn over(&self, run: Run, fault: Option<Fault>) -> Pending<Result<(), WorkflowError>> {
        self.interrupted.runs().remove(&run);
        let now_ms = self.workflows.0.clock.now_ms();
        self.workflows.change(move |transaction| {
            if fault.is_some() {
                let failed = End { run, output: None, error: fault.clone() };
                // One that has ended by itself stays as it is.
                return Ok(end(transaction, &failed, now_ms)?.or(Ok(())));
            }
            let sql = "UPDATE instances SET due_ms = ?3 WHERE number = ?1 AND epoch = ?2 AND due_ms IS NULL
                AND status IN ('running', 'waitingForPause')";
            transaction.execute(sql, params![run.instance, run.epoch, now_ms + LOST_REST_MS])?;
            Ok(Ok(()))
        })
    }

    async fn watch(
        workflows: &Workflows,
        interrupted: &Interrupted,
        Watch { run, revision }: &Watch,
    ) -> Result<News, WorkflowError> {
        loop {
            let seen = workflows.0.signal.count();
            let news = workflows.0.database.read(|connection| news(connection, *run))?;
            let is_interrupted = interrupted.runs().contains(run);
            if news.stop || news.revision > *revision || is_interrupted {
                return Ok(News { pause: news.pause || is_interrupted, ..news });
            }
            workflows.0.signal.changed(seen).await;
        }
    }
}

/// What is new about an instance, as one of its runs sees it.
fn news(connection: &Connection, run: Run) -> rusqlite::Result<News> {
    let sql = "SELECT revision, status FROM instances WHERE number = ?1 AND epoch = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
    let found = connection.query_row(sql, [run.instance, run.epoch], read).optional()?;
    let (revision, status) = found.unwrap_or_default();
    let stop = !matches!(status.as_str(), "running" | "waitingForPause");
    Ok(News { revision, stop, pause: status == "waitingForPause" })
}

fn claim(transaction: &Transaction<'_>, workflow: &str, now_ms: i64) -> rusqlite::Result<Option<Start>> {
    // One that was to be paused when its run was lost goes on, so that it comes to rest by itself.
    let sql = "UPDATE instances SET due_ms = NULL, epoch = epoch + 1,
        status = iif(status = 'waitingForPause', status, 'running')
        WHERE number = (SELECT number FROM instances WHERE workflow = ?1 AND due_ms <= ?2 ORDER BY due_ms LIMIT 1)
        RETURNING number, epoch, revision, id, created_ms, params";
    transaction
        .query_row(sql, params![workflow, now_ms], |row| {
            Ok(Start {
                through: 0,
                run: Run { instance: row.get(0)?, epoch: row.get(1)? },
                revision: row.get(2)?,
                id: row.get(3)?,
                workflow: String::new(),
                created_ms: row.get(4)?,
                params: row.get(5)?,
                steps_max: 0,
            })
        })
        .optional()
}

/// The run waits. One that was to be paused is; one that has missed news goes on at once.
fn suspend(
    transaction: &Transaction<'_>,
    Suspend { run, due_ms, revision }: &Suspend,
    now_ms: i64,
) -> rusqlite::Result<Result<(), WorkflowError>> {
    let pause = "UPDATE instances SET status = 'paused', paused_ms = ?3 WHERE number = ?1 AND epoch = ?2
        AND status = 'waitingForPause'";
    if transaction.execute(pause, params![run.instance, run.epoch, now_ms])? == 1 {
        return Ok(Ok(()));
    }
    let wait =
        "UPDATE instances SET due_ms = iif(revision = ?3, ?4, ?5), status = iif(?6, 'waiting', 'running')
        WHERE number = ?1 AND epoch = ?2 AND status = 'running'";
    let due = due_ms.unwrap_or(now_ms);
    let waited = transaction
        .execute(wait, params![run.instance, run.epoch, revision, due, now_ms, due_ms.is_some()])?;
    Ok(if waited == 1 { Ok(()) } else { Err(WorkflowError::Stale) })
}

fn end(
    transaction: &Transaction<'_>,
    End { run, output, error }: &End,
    now_ms: i64,
) -> rusqlite::Result<Result<(), WorkflowError>> {
    let status = if error.is_some() { "errored" } else { "complete" };
    let (name, message) =
        (error.as_ref().map(|error| &error.name), error.as_ref().map(|error| &error.message));
    let sql =
        "UPDATE instances SET status = ?3, output = ?4, error_name = ?5, error_message = ?6, ended_ms = ?7
        WHERE number = ?1 AND epoch = ?2 AND status IN ('running', 'waitingForPause')";
    let ended =
        transaction.execute(sql, params![run.instance, run.epoch, status, output, name, message, now_ms])?;
    Ok(if ended == 1 { Ok(()) } else { Err(WorkflowError::Stale) })
}

impl Service for WorkflowRuns {
    fn call(&self, mut call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        let (workflows, method) = (self.workflows.clone(), call.method.to_owned());
        let (bodies, interrupted) = (std::mem::take(&mut call.bodies), self.interrupted.clone());
        Pending::later(async move {
            let (argument, now_ms) = (Argument::read(bodies).await?, workflows.0.clock.now_ms());
            match method.as_str() {
                "step" => {
                    let step: BeginStep = argument.parse()?;
                    if step.due_ms.is_none() && step.event.is_none() {
                        let find = |connection: &Connection| steps::find(connection, step.run, &step.key);
                        return Ok(answer(&workflows.0.database.read(find).map_err(WorkflowError::from)??));
                    }
                    let waited = workflows.change(move |transaction| steps::wait(transaction, &step, now_ms));
                    Ok(answer(&waited.wait().await?))
                }
                "finish" => {
                    let finish: FinishStep = argument.parse()?;
                    check_size(finish.value.as_deref())?;
                    let kept =
                        workflows.change(move |transaction| steps::finish(transaction, &finish, now_ms));
                    Ok(answer(&kept.wait().await?))
                }
                "suspend" => {
                    let waiting: Suspend = argument.parse()?;
                    let kept = workflows.change(move |transaction| suspend(transaction, &waiting, now_ms));
                    Ok(answer(&kept.wait().await?))
                }
                "watch" => {
                    let watch: Watch = argument.parse()?;
                    Ok(answer(&Self::watch(&workflows, &interrupted, &watch).await?))
                }
                "end" => {
                    let over: End = argument.parse()?;
                    check_size(over.output.as_deref())?;
                    let kept = workflows.change(move |transaction| end(transaction, &over, now_ms));
                    Ok(answer(&kept.wait().await?))
                }
                unknown => Err(CallError::unknown_method("a workflow's run", unknown)),
            }
        })
    }
}
