//! `hognose test`: runs the `test` handlers that Workers export, as `workerd test` does.
//!
//! Each Worker is loaded as for serving, into a state that is thrown away afterwards unless a folder is named. A
//! handler that ends without raising has passed. Results go to standard output; what the Workers print, to standard
//! error.

use std::collections::HashMap;
use std::path::Path;

use hognose_supervisor::{Server, ServerEvent, TestOutcome};
use hognose_wire::control::{Export, LoadFailure};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime;
use tokio::sync::mpsc;

use crate::cli::{ServerArguments, TestArguments};
use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::plan;
use crate::project::Project;
use crate::session::{DRAIN_MAX, EVENTS_WAITING_MAX, Mode, Session};

/// The handler's name.
const TEST: &str = "test";

/// Said where there is nothing to run.
const NO_TESTS: &str =
    "No Worker has a test: export `async def test(ctrl, env, ctx)`, or a class with such a method";

/// How the wire names the default export.
const DEFAULT: &str = "default";

/// Runs the tests, and gives the exit status: 1 where one has failed, or there is none.
pub(crate) fn test(
    arguments: &TestArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<u8, CommandError> {
    let kept = State::of(arguments.persist_to.as_deref())?;
    let options = server_arguments(arguments, kept.folder());
    let mode = Mode::Test { allow_local_network: arguments.allow_local_network };
    let directories = std::slice::from_ref(&arguments.directory);
    let (session, projects) = Session::open(mode, directories, &options, interpreter, console)?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(CommandError::Runtime)?;
    let mut tally = Tally { arguments, passed: 0, failed: 0 };
    runtime.block_on(run_tests(&session, &projects, &mut tally, console))?;
    Ok(tally.finish())
}

fn server_arguments(arguments: &TestArguments, state: &Path) -> ServerArguments {
    ServerArguments {
        config: arguments.config.clone(),
        port: Some(0),
        persist_to: Some(state.to_owned()),
        env: arguments.env.clone(),
        ca_file: arguments.ca_file.clone(),
        connect_to: arguments.connect_to.clone(),
        ..ServerArguments::default()
    }
}

/// Where the Workers' data lies while they are tested.
enum State<'a> {
    Named(&'a Path),
    /// Removed when dropped.
    Temporary(TempDir),
}

impl<'a> State<'a> {
    fn of(named: Option<&'a Path>) -> Result<Self, CommandError> {
        if let Some(folder) = named {
            return Ok(Self::Named(folder));
        }
        let made = TempDir::with_prefix("hognose-test-");
        made.map(Self::Temporary).map_err(|source| CommandError::State { path: std::env::temp_dir(), source })
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Named(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// Loads the Workers and runs their tests, one after the other: what one does is not in the way of another.
async fn run_tests(
    session: &Session<'_>,
    projects: &[Project],
    tally: &mut Tally<'_>,
    console: Console,
) -> Result<(), CommandError> {
    let (sender, mut events) = mpsc::channel(EVENTS_WAITING_MAX);
    let server = Server::start(session.server_options(projects, sender)?).await?;
    let mut loaded = HashMap::new();
    while loaded.len() < projects.len()
        && let Some((worker, exports)) = next_loaded(&mut events, console).await
    {
        loaded.insert(worker, exports);
    }
    let shown = tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            show(&event, console);
        }
    });
    for worker in projects.iter().map(|project| plan::name(&project.plan)) {
        match loaded.remove(worker) {
            Some(Ok(exports)) => {
                for entrypoint in tested(&exports) {
                    tally.run(&server, worker, entrypoint).await;
                }
            }
            Some(Err(LoadFailure { message, traceback, .. })) => {
                let text = if traceback.is_empty() { message } else { traceback };
                tally.note(worker, DEFAULT, &TestOutcome::Failed(text));
            }
            None => tally.note(worker, DEFAULT, &TestOutcome::Failed("the server has stopped".into())),
        }
    }
    server.shutdown(DRAIN_MAX).await;
    // The last senders have gone with the server.
    let _all_shown = shown.await;
    Ok(())
}

/// What the next Worker to load exports, or why it does not.
async fn next_loaded(
    events: &mut mpsc::Receiver<ServerEvent>,
    console: Console,
) -> Option<(String, Result<Vec<Export>, LoadFailure>)> {
    while let Some(event) = events.recv().await {
        match event {
            ServerEvent::Loaded { worker, exports, .. } => return Some((worker.to_string(), Ok(exports))),
            ServerEvent::LoadFailed { worker, failure } => return Some((worker.to_string(), Err(failure))),
            other => show(&other, console),
        }
    }
    None
}

/// The names of entrypoints with tests.
fn tested(exports: &[Export]) -> impl Iterator<Item = &str> {
    let tested = exports.iter().filter(|export| export.methods.iter().any(|method| method == TEST));
    tested.map(|export| export.name.as_str())
}

/// What the Workers print must not mix with the results.
fn show(event: &ServerEvent, console: Console) {
    match event {
        ServerEvent::Log { text, .. } => Console::error_text(text.trim_end()),
        ServerEvent::IsolateDied { pid, reason, .. } => {
            console.trouble(&format!("Isolate {pid} ended: {reason}"));
        }
        _ => {}
    }
}

/// Counts and prints results.
struct Tally<'a> {
    arguments: &'a TestArguments,
    passed: usize,
    failed: usize,
}

impl Tally<'_> {
    async fn run(&mut self, server: &Server, worker: &str, entrypoint: &str) {
        if format!("{worker}:{entrypoint}").contains(&self.arguments.filter) {
            let name = Some(entrypoint).filter(|name| *name != DEFAULT);
            let outcome = server.test(worker, name).await;
            self.note(worker, entrypoint, &outcome);
        }
    }

    fn note(&mut self, service: &str, entrypoint: &str, outcome: &TestOutcome) {
        let (word, message) = match outcome {
            TestOutcome::Passed => ("pass", ""),
            TestOutcome::Failed(message) => ("fail", message.trim_end()),
        };
        match outcome {
            TestOutcome::Passed => self.passed += 1,
            TestOutcome::Failed(_) => self.failed += 1,
        }
        let line = if self.arguments.json {
            json!({ "service": service, "entrypoint": entrypoint, "outcome": word, "message": message })
                .to_string()
        } else {
            let message = if message.is_empty() { String::new() } else { format!("\n{message}") };
            format!("{} {service}:{entrypoint}{message}", word.to_uppercase())
        };
        Console::text(&format!("{line}\n"));
    }

    fn finish(self) -> u8 {
        if self.passed + self.failed == 0 {
            Console::error_text(NO_TESTS);
        }
        Console::text(&format!("{} passed, {} failed\n", self.passed, self.failed));
        u8::from(self.failed > 0 || self.passed == 0)
    }
}
