//! Asking an object's storage from outside. Only one may have an object's file open: where the object lives, its isolate's
//! does, and answers between two requests of the isolate. Otherwise it is opened for the question, and events that come
//! meanwhile wait as they do while an instance ends.

use std::sync::Arc;

use hognose_services::objects::{Namespace, StorageError};
use hognose_wire::objects::{Answer, Operation};

use super::{Key, Objects, Place, Placed};

/// Who can answer.
enum Answerer {
    Live(Placed),
    Nobody,
    Changing,
}

impl Objects {
    /// Has the storage answer; `operation` only reads.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        namespace: &Namespace,
        digits: &str,
        operation: Operation<'static>,
    ) -> Result<Answer<'static>, StorageError> {
        let key = Key { namespace: namespace.key.clone(), digits: digits.to_owned() };
        match self.answerer(&key) {
            Answerer::Live(Placed { isolate, number }) => {
                let asked =
                    tokio::task::spawn_blocking(move || isolate.storages.ask(number, operation)).await;
                asked.ok().flatten().unwrap_or_else(|| Err(busy()))
            }
            Answerer::Nobody => self.ask_at_rest(namespace, key, operation).await,
            Answerer::Changing => Err(busy()),
        }
    }

    /// Whether an instance lives.
    pub(crate) fn lives(&self, namespace: &Namespace, digits: &str) -> bool {
        let key = Key { namespace: namespace.key.clone(), digits: digits.to_owned() };
        matches!(self.places().of.get(&key), Some(Place::Live { .. }))
    }

    /// Where nobody has the storage, it is the caller's until [`Objects::let_go`].
    fn answerer(&self, key: &Key) -> Answerer {
        let mut places = self.places();
        match places.of.get(key) {
            Some(Place::Live { placed, .. }) => Answerer::Live(placed.clone()),
            Some(Place::Changing(_)) => Answerer::Changing,
            None => {
                places.of.insert(key.clone(), Place::Changing(Vec::new()));
                Answerer::Nobody
            }
        }
    }

    async fn ask_at_rest(
        self: &Arc<Self>,
        namespace: &Namespace,
        key: Key,
        operation: Operation<'static>,
    ) -> Result<Answer<'static>, StorageError> {
        let mut storage = self.store.storage(namespace, &key.digits);
        let objects = Arc::clone(self);
        // Whoever asks may go away: a task of its own gives the storage back all the same.
        let (tell, told) = tokio::sync::oneshot::channel();
        self.spawn(async move {
            let asked = tokio::task::spawn_blocking(move || storage.perform(operation)).await;
            objects.let_go(key);
            let _gone = tell.send(asked);
        });
        told.await.ok().and_then(Result::ok).unwrap_or_else(|| Err(busy()))
    }
}

fn busy() -> StorageError {
    StorageError::error("The object is beginning or ending: ask again in a moment.")
}
