//! Keys that `hognose dev` acts on, as `wrangler dev` does: only where it has a terminal, and stands in its foreground.
//! The terminal gives each key at once, unseen, until the server ends; Ctrl-C and Ctrl-Z stay signals. While a debugger
//! asks for a line, it is a terminal as ever, and what is typed is the debugger's.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::thread;

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use tokio::sync::mpsc;

use crate::console::Console;
use crate::debugger::Debuggers;
use crate::error::CommandError;
use crate::{admin, debugger};

/// Keys that may wait for one that is acted on.
const KEYS_WAITING_MAX: usize = 16;

/// What Ctrl-D gives.
const CTRL_D: u8 = 4;

/// What is shown of them.
pub(crate) const HINT: &str = "[b] open a browser  [e] open the dashboard  [c] clear  [x] quit";

/// The keys of this process's terminal.
pub(crate) struct Hotkeys {
    keys: mpsc::Receiver<u8>,
    modes: Modes,
    debuggers: Debuggers,
}

/// How the terminal was; it is that again when this is dropped.
struct Modes(Termios);

/// What the terminal gives.
#[derive(Clone, Copy)]
enum Given {
    /// Each key at once, unseen.
    Keys,
    /// Lines, as they are typed.
    Lines,
}

impl Hotkeys {
    /// Listens, where there is a terminal to listen to.
    pub(crate) async fn listen() -> Result<Option<Self>, CommandError> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() || !is_in_foreground() {
            return Ok(None);
        }
        let debuggers = Debuggers::listen().await?;
        let Some(modes) = Modes::read() else { return Ok(None) };
        modes.set(Given::Keys);
        let (sender, keys) = mpsc::channel(KEYS_WAITING_MAX);
        // A thread of its own, which the process does not wait for: reading a terminal cannot be called off.
        let reading = thread::Builder::new().name("hotkeys".into()).spawn(move || read(&sender));
        Ok(reading.ok().map(|_| Self { keys, modes, debuggers }))
    }

    /// What a cell is told, so that its debuggers find this terminal.
    pub(crate) fn variable(&self) -> Result<(OsString, OsString), CommandError> {
        self.debuggers.variable()
    }

    /// Acts on keys until one says to end.
    pub(crate) async fn act(&mut self, url: &str, console: Console) {
        loop {
            // It goes on over keys: one that is about to show its token is not turned away for them.
            let mut called = pin!(self.debuggers.next());
            let debugger = loop {
                tokio::select! {
                    key = self.keys.recv() => match key {
                        // The terminal has gone; the server has not, and a signal ends it.
                        None => std::future::pending().await,
                        Some(key) if is_done(key, url, console) => return,
                        Some(_) => {}
                    },
                    debugger = &mut called => break debugger,
                }
            };
            self.modes.set(Given::Lines);
            debugger::converse(debugger, &mut self.keys).await;
            self.modes.set(Given::Keys);
        }
    }
}

/// Acts on a key; gives whether that was to end.
fn is_done(key: u8, url: &str, console: Console) -> bool {
    match key {
        b'b' => open(url, console),
        b'e' => open(&format!("{url}{}/", admin::PREFIX), console),
        b'c' => clear(),
        // `q`, `x`, and Ctrl-D, which is no signal.
        b'q' | b'x' | CTRL_D => return true,
        _ => {}
    }
    false
}

impl Modes {
    fn read() -> Option<Self> {
        termios::tcgetattr(io::stdin()).ok().map(Self)
    }

    fn set(&self, given: Given) {
        let mut modes = self.0.clone();
        match given {
            Given::Keys => modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO,
            // The end of a debugger's input would be that of the keys.
            Given::Lines => modes.special_codes[SpecialCodeIndex::VEOF] = 0,
        }
        // A terminal that has gone has no modes.
        let _gone = termios::tcsetattr(io::stdin(), OptionalActions::Now, &modes);
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
