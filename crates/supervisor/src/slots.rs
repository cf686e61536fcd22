//! The Workers of a server: a list that is read for every request and changes when one is added or deleted.

use std::sync::{Arc, PoisonError, RwLock};

use crate::scheduled::ScheduledResult;
use crate::server::ReplaceError;
use crate::slot::Slot;

/// The Workers, in the order in which the server was given them.
#[derive(Default)]
pub(crate) struct Slots(RwLock<Arc<[Arc<Slot>]>>);

impl Slots {
    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Arc<[Arc<Slot>]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The one of this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Slot>> {
        self.all().iter().find(|slot| slot.name() == name).cloned()
    }

    /// Runs the `scheduled` handler of a Worker once it has loaded, as if `cron` were due at `scheduled_time_ms`.
    pub(crate) async fn run_scheduled(
        &self,
        worker: &str,
        cron: &str,
        scheduled_time_ms: f64,
    ) -> Result<ScheduledResult, ReplaceError> {
        let slot = self.find(worker).ok_or_else(|| ReplaceError::UnknownWorker(worker.to_owned()))?;
        let ran = slot.run_scheduled(cron, scheduled_time_ms).await;
        ran.map_err(|failure| ReplaceError::Load((*failure).clone()))
    }

    /// Puts these in the place of all others.
    pub(crate) fn set(&self, slots: impl IntoIterator<Item = Arc<Slot>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = slots.into_iter().collect();
    }
}
