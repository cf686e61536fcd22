//! From what the server tells to what the console shows.

use hognose_supervisor::ServerEvent;
use hognose_wire::control::LoadFailure;
use tokio::sync::mpsc;

use crate::console::Console;

/// Events taken at once: their request lines are written in one step, for at high rates the writing would cost more
/// than the serving.
const BATCH_MAX: usize = 256;

/// Shows what the server says, until it is gone.
pub(crate) async fn show(mut events: mpsc::Receiver<ServerEvent>, console: Console) {
    let mut screen = Screen { console, requests: String::new(), loaded: false };
    let mut batch = Vec::new();
    while events.recv_many(&mut batch, BATCH_MAX).await > 0 {
        for event in batch.drain(..) {
            screen.event(event);
        }
        screen.flush();
    }
}

struct Screen {
    console: Console,
    /// Lines not written yet.
    requests: String,
    /// Whether a version was loaded, or failed to be: all others are reloads.
    loaded: bool,
}

impl Screen {
    fn event(&mut self, event: ServerEvent) {
        if !matches!(event, ServerEvent::RequestDone { .. }) {
            self.flush();
        }
        let console = self.console;
        match event {
            ServerEvent::RequestDone { method, path, status, duration } => {
                self.requests.push_str(&console.request(method.as_str(), &path, status, duration));
            }
            ServerEvent::Log { level, text, .. } => console.worker(level, &text),
            ServerEvent::Loaded { warnings, duration, .. } => {
                for warning in warnings {
                    console.warning(&warning);
                }
                let word = if self.loaded { "Reloaded" } else { "Loaded" };
                console.note(&format!("{word} in {} ms", duration.as_millis()));
                self.loaded = true;
            }
            ServerEvent::LoadFailed { failure, .. } => {
                show_load_failure(&failure, console);
                self.loaded = true;
            }
            ServerEvent::IsolateDied { pid, reason, requests_lost, .. } => {
                console.trouble(&format!("Isolate {pid} ended: {reason} ({requests_lost} requests lost)"));
            }
            ServerEvent::Lost { count } => {
                console.warning(&format!("{count} lines were too fast to be shown"));
            }
        }
    }

    fn flush(&mut self) {
        if !self.requests.is_empty() {
            Console::text(&self.requests);
            self.requests.clear();
        }
    }
}

fn show_load_failure(failure: &LoadFailure, console: Console) {
    console.trouble(&format!("The Worker cannot be loaded: {}", failure.message));
    if !failure.traceback.is_empty() {
        Console::error_text(failure.traceback.trim_end());
    }
}
