//! The Workers of a server: a list that is read for every request and changes when one is added or deleted.

use std::sync::{Arc, PoisonError, RwLock};

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

    /// Puts these in the place of all others.
    pub(crate) fn set(&self, slots: impl IntoIterator<Item = Arc<Slot>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = slots.into_iter().collect();
    }
}
