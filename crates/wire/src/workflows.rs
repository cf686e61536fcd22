//! The vocabulary of Workflows: what a binding is asked, what travels with the `run` event, and what a run asks while it
//! goes on. The JavaScript half speaks it in JSON: each call has its argument as body 0, each answer is the result.
//!
//! A *packed* value is a structured clone as text, which only `js/workflows.js` reads. Times are milliseconds since the
//! epoch.

use serde::{Deserialize, Serialize};

/// The largest packed value, in bytes (Cloudflare: 1 MiB for parameters, results of steps, and payloads of events).
pub const VALUE_MAX: usize = 1 << 20;

/// `create`. Answer: the ids of the instances that were made, as `Vec<String>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// What to make.
    pub instances: Vec<NewInstance>,
    /// Whether ids that exist are passed over; else they are an error.
    pub is_batch: bool,
}

/// An instance to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewInstance {
    /// Its id, unique in its workflow.
    pub id: String,
    /// Its parameters, packed.
    pub params: String,
    /// How long it is kept once it is complete, where that was said.
    pub success_kept_ms: Option<i64>,
    /// How long it is kept once it has failed.
    pub error_kept_ms: Option<i64>,
}

/// `status`. Answer: [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadStatus {
    /// Of which instance.
    pub id: String,
}

/// How an instance stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// In Cloudflare's words.
    pub status: String,
    /// What `run` returned, packed.
    pub output: Option<String>,
    /// What it raised.
    pub error: Option<Fault>,
}

/// An error, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The error's class.
    pub name: String,
    /// Its text.
    pub message: String,
}

/// `control`. Answer: `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Which instance.
    pub id: String,
    /// What to do with it.
    pub action: Action,
    /// The step that a restart begins at; without, it begins from the top.
    #[serde(default)]
    pub from: Option<StepName>,
}

/// One of the steps that an instance has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepName {
    /// The name it was given.
    pub name: String,
    /// Which of the steps of that name and kind, from 1 on, in the order in which they were kept.
    pub count: u32,
    /// What it is.
    pub kind: StepKind,
}

/// What a step is, as `restart()` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// Something done.
    Do,
    /// A sleep.
    Sleep,
    /// The wait for an event.
    WaitForEvent,
}

impl StepKind {
    /// What the keys of such steps begin with ([`BeginStep::key`]).
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Do => "do:",
            Self::Sleep => "sleep:",
            Self::WaitForEvent => "event:",
        }
    }
}

/// What can be done with an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Let it finish the steps that run, and begin no other.
    Pause,
    /// Let it go on. What it waits for is put off by as long as it was paused.
    Resume,
    /// Forget its steps, all or from one on, and run again.
    Restart,
    /// End it.
    Terminate,
    /// Forget all of it.
    Delete,
}

/// `sendEvent`. Answer: `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendEvent {
    /// To which instance.
    pub id: String,
    /// The event's type.
    pub kind: String,
    /// Packed.
    pub payload: String,
}

/// One run of an instance. Only the newest run of an instance is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// The instance's number.
    pub instance: i64,
    /// Counts its runs, restarts and its end.
    pub epoch: i64,
}

/// What [`crate::Event::Other`] with the handler `run` brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// The capability that takes the calls below.
    pub through: u32,
    /// To be named in each of them.
    pub run: Run,
    /// The instance's state, as [`Watch`] counts it.
    pub revision: i64,
    /// The instance's id.
    pub id: String,
    /// The workflow's name.
    pub workflow: String,
    /// When the instance was made.
    pub created_ms: i64,
    /// Its parameters, packed.
    pub params: String,
    /// How many steps it may take.
    pub steps_max: u64,
}

/// `step`: how a step stands. Answer: [`Step`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BeginStep {
    /// In which run.
    #[serde(flatten)]
    pub run: Run,
    /// The step's own name, with its kind and how many of that name came before.
    pub key: String,
    /// The name it was given.
    pub name: String,
    /// When a sleep or the wait for an event is over, should it begin now.
    pub due_ms: Option<i64>,
    /// The type of the event that it waits for.
    pub event: Option<String>,
}

/// How a step stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Where it is.
    pub state: StepState,
    /// How many attempts have failed.
    pub failures: u32,
    /// When it goes on.
    pub due_ms: Option<i64>,
    /// Its result, packed.
    pub value: Option<String>,
    /// When the event that is its result was sent.
    pub event_ms: Option<i64>,
    /// How it failed for good.
    pub error: Option<Fault>,
}

/// Where a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// Not begun.
    #[default]
    New,
    /// Between two attempts, asleep, or waiting for an event.
    Waiting,
    /// It has its result.
    Done,
    /// It has failed for good.
    Failed,
}

/// `finish`: an attempt of a step has ended. Answer: `null`, once that is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishStep {
    /// In which run.
    #[serde(flatten)]
    pub run: Run,
    /// As it was begun.
    pub key: String,
    /// As it was begun.
    pub name: String,
    /// When the attempt began.
    pub started_ms: i64,
    /// Whether the result is not to be shown to operators.
    pub is_sensitive: bool,
    /// The result, packed.
    pub value: Option<String>,
    /// Or how it failed,
    pub error: Option<Fault>,
    /// and when the next attempt is due, where there is one.
    pub retry_ms: Option<i64>,
}

/// `suspend`: the run does nothing but wait, and ends; another one goes on when it is due. Answer: `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspend {
    /// Which.
    #[serde(flatten)]
    pub run: Run,
    /// When it goes on; `None`: as soon as can be.
    pub due_ms: Option<i64>,
    /// What the run knew of the instance's state; where there is news, it goes on at once.
    pub revision: i64,
}

/// `watch`: waits for news. Answer: [`News`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// In which run.
    #[serde(flatten)]
    pub run: Run,
    /// What the run knows of.
    pub revision: i64,
}

/// What a run learns while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// How often the instance's state was changed from outside, or an event sent.
    pub revision: i64,
    /// Whether the run is over: it was terminated, restarted, or begun again elsewhere.
    pub stop: bool,
    /// Whether it is to begin no further step.
    pub pause: bool,
}

/// `end`: the workflow is over. Answer: `null`, once that is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// By which run.
    #[serde(flatten)]
    pub run: Run,
    /// What it returned, packed.
    pub output: Option<String>,
    /// Or what it raised.
    pub error: Option<Fault>,
}
