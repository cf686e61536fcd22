//! `hognose run`: one script in a cell of its caller's own.

use std::path::PathBuf;

use futures_util::FutureExt;
use hognose_supervisor::{
    EgressOptions, EgressPolicy, SCRIPT_OUTBOUND, ScriptError, ScriptOptions, run_script,
};
use hognose_wire::control::{Base, Script};
use tempfile::TempDir;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::cli::RunArguments;
use crate::error::CommandError;
use crate::interpreter::Interpreter;

/// The exit status of what Ctrl-C ended, as shells have it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs the script to its end and gives its exit status.
pub(crate) fn run(options: RunArguments, interpreter: &Interpreter) -> Result<u8, CommandError> {
    let mut words = options.script.into_iter();
    let file = existing(PathBuf::from(words.next().expect("invariant: the parser requires a file")))?;
    let args = words.collect();
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::Runtime)?;
    runtime.block_on(async {
        // The terminal's Ctrl-C is the script's; this process waits for what the script makes of it.
        let mut interrupted = signal(SignalKind::interrupt()).map_err(CommandError::Runtime)?;
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let packages = text(&interpreter.site_packages);
        let scratch = if options.allow_write { None } else { Some(scratch()?) };
        let mut cell = interpreter.cell_command();
        cell.env = std::env::vars_os().collect();
        if let Some(folder) = &scratch {
            // Only the temporary folder: what the caller keeps at home can still be read there.
            cell.env.extend(["TMPDIR", "TMP", "TEMP"].map(|name| (name.into(), folder.path().into())));
        }
        let options = ScriptOptions {
            cell,
            base: Base {
                runtime_dirs: vec![packages.clone()],
                site_dirs: vec![packages],
                scratch_dir: scratch.as_ref().map(|folder| text(&folder.path().into())).unwrap_or_default(),
                open: true,
                ..Base::default()
            },
            script: Script {
                file: text(&file),
                args,
                outbound: SCRIPT_OUTBOUND,
                writes_anywhere: options.allow_write,
            },
            egress: EgressOptions {
                ca_file: options.ca_file,
                connect_to: options.connect_to,
                policy: EgressPolicy { allow_private: true, ..EgressPolicy::default() },
            },
            events: mpsc::channel(1).0,
        };
        match run_script(options).await {
            // It came before the script's first line, so that the script made nothing of it.
            Err(ScriptError::Load(_)) if interrupted.recv().now_or_never().is_some() => Ok(INTERRUPTED),
            ended => ended.map_err(CommandError::Script),
        }
    })
}

/// A temporary folder of the script's own, which ends with it.
fn scratch() -> Result<TempDir, CommandError> {
    let folder = tempfile::Builder::new().prefix("hognose-run-").tempdir();
    folder.map_err(|source| CommandError::State { path: std::env::temp_dir(), source })
}

fn existing(file: PathBuf) -> Result<PathBuf, CommandError> {
    match std::fs::metadata(&file) {
        Ok(_) => Ok(file),
        Err(source) => Err(CommandError::Read { path: file, source }),
    }
}
