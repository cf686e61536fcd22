//! `breakpoint()` on the terminal of `hognose dev`: Python's debugger runs in the cell and connects to here, as a Worker
//! in `dev` may connect to any port of this machine. Its prompt is shown, and lines that are typed go to it, one debugger
//! after the other. A token that only cells are told keeps others on this machine off the terminal.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::CommandError;

/// Where a cell finds the port and the token, as `python/hognose/cell/debugger.py` has it.
const VARIABLE: &str = "HOGNOSE_DEBUGGER";

/// Where it finds the port of an editor.
const EDITOR_VARIABLE: &str = "HOGNOSE_INSPECT";

/// How much of a debugger's output is shown at once, in bytes.
const OUTPUT_BYTES: usize = 8 << 10;

/// How long one that has connected may take to show the token.
const TOKEN_WAIT: Duration = Duration::from_secs(5);

/// The longest line that may come before the token was seen to be right, in bytes.
const TOKEN_MAX: u64 = 128;

/// Where debuggers connect to.
pub(crate) struct Debuggers {
    listener: TcpListener,
    token: String,
}

/// A debugger that has shown the token.
pub(crate) type Connection = BufReader<TcpStream>;

impl Debuggers {
    /// Listens on a port of this machine.
    pub(crate) async fn listen() -> Result<Self, CommandError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(CommandError::Runtime)?;
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).expect("invariant: the kernel has random bytes");
        Ok(Self { listener, token: format!("{:032x}", u128::from_ne_bytes(secret)) })
    }

    /// What cells are told, as a variable of their environment.
    pub(crate) fn variable(&self) -> Result<(OsString, OsString), CommandError> {
        let port = self.listener.local_addr().map_err(CommandError::Runtime)?.port();
        Ok((VARIABLE.into(), format!("{port}:{}", self.token).into()))
    }

    /// Waits for the next debugger. Whoever does not show the token is turned away.
    pub(crate) async fn next(&self) -> Connection {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else { continue };
            let mut connection = BufReader::new(stream);
            let mut shown = String::new();
            let read = timeout(TOKEN_WAIT, (&mut connection).take(TOKEN_MAX).read_line(&mut shown)).await;
            if matches!(read, Ok(Ok(_))) && shown.trim_end() == self.token {
                return connection;
            }
        }
    }
}

/// What cells are told of the port where an editor listens, as a variable of their environment.
pub(crate) fn editor(port: u16) -> (OsString, OsString) {
    (EDITOR_VARIABLE.into(), port.to_string().into())
}

/// Shows what a debugger says, and gives it what is typed, until it hangs up.
pub(crate) async fn converse(mut connection: Connection, typed: &mut mpsc::Receiver<u8>) {
    let mut output = vec![0; OUTPUT_BYTES];
    loop {
        tokio::select! {
            read = connection.read(&mut output) => match read {
                Ok(count @ 1..) => show(&output[..count]),
                _ => return,
            },
            Some(byte) = typed.recv() => {
                if connection.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

/// A terminal that has gone shows nothing.
fn show(output: &[u8]) {
    let mut screen = io::stdout().lock();
    let _gone = screen.write_all(output).and_then(|()| screen.flush());
}
