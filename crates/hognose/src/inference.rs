//! Models from folders, in a process of their own: `python -m hognose.inference`, which has the ONNX Runtime. A model that
//! takes all memory, crashes or never ends takes that process with it and nothing else; the next call starts another.
//!
//! The two speak in lines of JSON, a question and its answer at a time. A call that is no longer waited for ends the
//! process too, for there is no other way to stop a computation.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use hognose_services::Pending;
use hognose_services::ai::{ANSWER_MAX_BYTES, Local, LocalError, Task};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How much memory the process may ask for, in bytes of address space.
const MEMORY_MAX_BYTES: u64 = 8 << 30;

/// Runs models, one at a time. The process is started by the first call. Used within a tokio runtime.
pub(crate) struct ModelProcess {
    shared: Arc<Shared>,
}

struct Shared {
    python: PathBuf,
    running: Mutex<Option<Running>>,
}

/// The process. It ends when this is dropped.
struct Running {
    _child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl ModelProcess {
    pub(crate) fn new(python: PathBuf) -> Self {
        Self { shared: Arc::new(Shared { python, running: Mutex::default() }) }
    }
}

impl Local for ModelProcess {
    fn run(
        &self,
        folder: PathBuf,
        task: Task,
        inputs: Value,
        patience: Duration,
    ) -> Pending<Result<Value, LocalError>> {
        self.ask(json!({ "folder": folder, "task": task.name(), "inputs": inputs }), patience)
    }

    fn to_markdown(&self, document: Value, patience: Duration) -> Pending<Result<Value, LocalError>> {
        self.ask(json!({ "task": "to-markdown", "inputs": document }), patience)
    }
}

impl ModelProcess {
    fn ask(&self, question: Value, patience: Duration) -> Pending<Result<Value, LocalError>> {
        let shared = Arc::clone(&self.shared);
        Pending::later(async move {
            // Taken out while it works: whoever gives up on the answer drops it.
            let mut place = shared.running.lock().await;
            let mut running = place.take().map_or_else(|| shared.start(), Ok)?;
            let answer = timeout(patience, running.ask(&question)).await;
            let answer = answer.map_err(|_| LocalError::Timeout(patience))??;
            *place = Some(running);
            read_answer(answer)
        })
    }
}

impl Shared {
    fn start(&self) -> Result<Running, LocalError> {
        let mut command = Command::new(&self.python);
        command.args(["-I", "-m", "hognose.inference", &MEMORY_MAX_BYTES.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let unstarted = |error| LocalError::Engine(format!("The models' process cannot be started: {error}"));
        let mut child = command.spawn().map_err(unstarted)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (questions, answers) = pipes.expect("invariant: both were asked for");
        Ok(Running { _child: child, questions, answers: BufReader::new(answers) })
    }
}

impl Running {
    async fn ask(&mut self, question: &Value) -> Result<Value, LocalError> {
        let ended =
            || LocalError::Engine("The models' process has ended: it may have run out of memory".to_owned());
        let mut line = question.to_string().into_bytes();
        line.push(b'\n');
        self.questions.write_all(&line).await.map_err(|_| ended())?;
        let mut answer = Vec::new();
        let mut limited = (&mut self.answers).take(ANSWER_MAX_BYTES as u64);
        limited.read_until(b'\n', &mut answer).await.map_err(|_| ended())?;
        serde_json::from_slice(&answer).map_err(|_| ended())
    }
}

fn read_answer(mut answer: Value) -> Result<Value, LocalError> {
    if let Some(output) = answer.get_mut("output") {
        return Ok(output.take());
    }
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    match (text("inputs"), text("engine")) {
        (Some(said), _) => Err(LocalError::Inputs(said)),
        (None, said) => Err(LocalError::Engine(said.unwrap_or_default())),
    }
}
