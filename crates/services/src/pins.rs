//! What this process is writing or reading at the moment, so that a sweep lets it be.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The things held, and how many hold each.
pub(crate) struct Pins<K>(Mutex<HashMap<K, usize>>);

impl<K> Default for Pins<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Pins<K> {
    /// Whether somebody holds it.
    pub(crate) fn hold(&self, key: &K) -> bool {
        self.counts().contains_key(key)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds something while it lives.
pub(crate) struct Pin<K: Eq + Hash + Clone> {
    pins: Arc<Pins<K>>,
    pub(crate) key: K,
}

impl<K: Eq + Hash + Clone> Pin<K> {
    pub(crate) fn new(pins: Arc<Pins<K>>, key: K) -> Self {
        *pins.counts().entry(key.clone()).or_default() += 1;
        Self { pins, key }
    }
}

impl<K: Eq + Hash + Clone> Drop for Pin<K> {
    fn drop(&mut self) {
        let mut counts = self.pins.counts();
        match counts.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.key)),
        }
    }
}
