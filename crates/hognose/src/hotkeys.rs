//! Keys that `hognose dev` acts on, as `wrangler dev` does: only where it has a terminal, and stands in its foreground.
//! The terminal gives each key at once, unseen, until the server ends; Ctrl-C and Ctrl-Z stay signals.

use std::io::{self, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::sync::mpsc;

use crate::admin;
use crate::console::Console;

/// Keys that may wait for one that is acted on.
const KEYS_WAITING_MAX: usize = 16;

/// What is shown of them.
pub(crate) const HINT: &str = "[b] open a browser  [e] open the dashboard  [c] clear  [x] quit";

/// The keys of this process's terminal.
pub(crate) struct Hotkeys {
    keys: mpsc::Receiver<u8>,
    _modes: Modes,
}

/// How the terminal was; it is that again when this is dropped.
struct Modes(Termios);

impl Hotkeys {
    /// Listens, where there is a terminal to listen to.
    pub(crate) fn listen() -> Option<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() || !is_in_foreground() {
            return None;
        }
        let modes = Modes::of_single_keys()?;
        let (sender, keys) = mpsc::channel(KEYS_WAITING_MAX);
        // A thread of its own, which the process does not wait for: reading a terminal cannot be called off.
        let reading = thread::Builder::new().name("hotkeys".into()).spawn(move || read(&sender));
        reading.ok().map(|_| Self { keys, _modes: modes })
    }

    /// Acts on keys until one says to end.
    pub(crate) async fn act(&mut self, url: &str, console: Console) {
        loop {
            match self.keys.recv().await {
                Some(b'b') => open(url, console),
                Some(b'e') => open(&format!("{url}{}/", admin::PREFIX), console),
                Some(b'c') => clear(),
                // `q`, `x`, and Ctrl-D, which is no signal.
                Some(b'q' | b'x' | 4) => return,
                Some(_) => {}
                // The terminal has gone; the server has not, and a signal ends it.
                None => std::future::pending().await,
            }
        }
    }
}

impl Modes {
    fn of_single_keys() -> Option<Self> {
        let before = termios::tcgetattr(io::stdin()).ok()?;
        let mut single = before.clone();
        single.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &single).ok()?;
        Some(Self(before))
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing.
        let _gone = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Whether keys are for this process. Where they are not, changing the terminal's modes would stop it.
fn is_in_foreground() -> bool {
    termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

fn read(keys: &mpsc::Sender<u8>) {
    let mut key = [0];
    while matches!(io::stdin().read(&mut key), Ok(1)) {
        if keys.blocking_send(key[0]).is_err() {
            return;
        }
    }
}

/// Opens an address in the user's browser, which goes on when hognose ends.
fn open(url: &str, console: Console) {
    let chosen = std::env::var("BROWSER").ok().filter(|browser| !browser.is_empty());
    let browser =
        chosen.unwrap_or_else(|| if cfg!(target_os = "macos") { "open" } else { "xdg-open" }.into());
    let mut command = Command::new(&browser);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(mut opened) => drop(thread::spawn(move || opened.wait())),
        Err(_) => console.warning(&format!("`{browser}` cannot be started: open {url} by hand")),
    }
}

/// Clears the screen and what was scrolled out of it.
fn clear() {
    let mut screen = io::stdout().lock();
    // A terminal that has gone is clear.
    let _gone = screen.write_all(b"\x1b[2J\x1b[3J\x1b[H").and_then(|()| screen.flush());
}
