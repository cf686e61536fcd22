//! Work that Ctrl-C stops at the next good moment, so that nothing is left half-done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime;

use crate::error::CommandError;
use crate::signals::StopSignals;

/// Whether work is to be given up.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on, the signals that end a process are noted here instead.
    pub(crate) fn listen() -> Result<Self, CommandError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(CommandError::Runtime)?;
        let mut signals = {
            let _entered = runtime.enter();
            StopSignals::listen()?
        };
        let raised = Self(Arc::default());
        let interrupt = raised.clone();
        let thread = std::thread::Builder::new().name("signals".into());
        let listening = thread.spawn(move || {
            runtime.block_on(signals.next());
            raised.0.store(true, Ordering::Relaxed);
        });
        listening.map(|_| interrupt).map_err(CommandError::Runtime)
    }

    /// Whether one came.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
