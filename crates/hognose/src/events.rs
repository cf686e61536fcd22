//! From what the server tells to what the console shows.

use std::collections::HashSet;
use std::sync::Arc;

use hognose_supervisor::ServerEvent;
use hognose_wire::control::LoadFailure;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::access_log::AccessLog;
use crate::console::Console;
use crate::records;

/// Events taken at once: their request lines are written in one step, for at high rates the writing would cost more
/// than the serving.
const BATCH_MAX: usize = 256;

/// Shows what the server says, until `ended` is cancelled and all said before is shown. Where there are `several` Workers
/// each line says whose it is.
pub(crate) async fn show(
    mut events: mpsc::Receiver<ServerEvent>,
    ended: CancellationToken,
    several: bool,
    mut access_log: Option<AccessLog>,
    console: Console,
) {
    let mut screen = Screen { console, several, requests: String::new(), loaded: HashSet::new() };
    let mut batch = Vec::new();
    while next_batch(&mut events, &mut batch, &ended).await > 0 {
        for event in batch.drain(..) {
            if let Some(log) = &mut access_log {
                log.note(&event);
            }
            screen.event(event);
        }
        screen.flush();
        if let Some(log) = &mut access_log {
            log.flush();
        }
    }
}

/// Receives what is there, and gives how much: none at the end. Who looks at a server may outlive it and could still send,
/// so its end is told.
async fn next_batch(
    events: &mut mpsc::Receiver<ServerEvent>,
    batch: &mut Vec<ServerEvent>,
    ended: &CancellationToken,
) -> usize {
    tokio::select! {
        biased;
        received = events.recv_many(batch, BATCH_MAX) => return received,
        () = ended.cancelled() => events.close(),
    }
    events.recv_many(batch, BATCH_MAX).await
}

struct Screen {
    console: Console,
    several: bool,
    /// Lines not written yet.
    requests: String,
    /// The Workers of which a version was loaded, or failed to be: all others are reloads.
    loaded: HashSet<Arc<str>>,
}

impl Screen {
    fn event(&mut self, event: ServerEvent) {
        if self.console.is_json() {
            self.requests.push_str(&records::event(&event).to_string());
            self.requests.push('\n');
            return;
        }
        if !matches!(event, ServerEvent::RequestDone { .. }) {
            self.flush();
        }
        let console = self.console;
        match event {
            ServerEvent::RequestDone { method, path, status, duration, .. } => {
                self.requests.push_str(&console.request(method.as_str(), &path, status, duration));
            }
            ServerEvent::Log { worker, level, text } => {
                // Each line says whose it is: nobody passes one off as another Worker's, or as hognose's own.
                let whose = self.whose(&worker);
                let text = text.trim_end_matches('\n').replace('\n', &format!("\n{whose}"));
                console.worker(level, &format!("{whose}{text}"));
            }
            ServerEvent::Loaded { worker, warnings, duration, .. } => {
                let whose = self.whose(&worker);
                for warning in warnings {
                    console.warning(&format!("{whose}{warning}"));
                }
                let word = if self.loaded.insert(worker) { "Loaded" } else { "Reloaded" };
                console.note(&format!("{whose}{word} in {} ms", duration.as_millis()));
            }
            ServerEvent::LoadFailed { worker, failure } => {
                show_load_failure(&self.whose(&worker), &failure, console);
                self.loaded.insert(worker);
            }
            ServerEvent::IsolateDied { worker, pid, reason, requests_lost } => {
                let whose = self.whose(&worker);
                let lost = match requests_lost {
                    1 => "1 request".to_owned(),
                    count => format!("{count} requests"),
                };
                console.trouble(&format!("{whose}Isolate {pid} ended: {reason} ({lost} lost)"));
            }
            ServerEvent::Lost { count } => {
                console.warning(&format!("{count} lines were too fast to be shown"));
            }
        }
    }

    /// What stands before a line of this Worker's.
    fn whose(&self, worker: &str) -> String {
        if self.several && !worker.is_empty() { format!("[{worker}] ") } else { String::new() }
    }

    fn flush(&mut self) {
        if !self.requests.is_empty() {
            Console::text(&self.requests);
            self.requests.clear();
        }
    }
}

fn show_load_failure(whose: &str, failure: &LoadFailure, console: Console) {
    console.trouble(&format!("{whose}The Worker cannot be loaded: {}", failure.message));
    if !failure.traceback.is_empty() {
        Console::error_text(failure.traceback.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_comes_after_all_that_was_said_though_a_sender_lives_on() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, mut events) = mpsc::channel(8);
        let ended = CancellationToken::new();
        sender.try_send(ServerEvent::Lost { count: 1 }).unwrap();
        sender.try_send(ServerEvent::Lost { count: 2 }).unwrap();
        ended.cancel();
        let mut batch = Vec::new();
        assert_eq!(runtime.block_on(next_batch(&mut events, &mut batch, &ended)), 2);
        assert_eq!(runtime.block_on(next_batch(&mut events, &mut batch, &ended)), 0);
        assert!(sender.try_send(ServerEvent::Lost { count: 3 }).is_err(), "nobody would show it");
    }
}
