//! Where zygotes come from: the one base of a server, made again when it dies.

use std::sync::Arc;

use hognose_wire::control::{Base, LoadFailure, Order, Role};
use tokio::sync::Mutex;

use crate::template::{CellCommand, Surroundings, Template};

/// Keeps the base, and has it fork zygotes.
pub(crate) struct Nursery {
    command: CellCommand,
    around: Surroundings,
    root: Mutex<Root>,
}

/// What all zygotes come from.
struct Root {
    boot: Order,
    base: Option<Arc<Template>>,
}

impl Nursery {
    pub(crate) fn new(command: CellCommand, base: Base, around: Surroundings) -> Self {
        let root = Mutex::new(Root { boot: Order::Boot(base), base: None });
        Self { command, around, root }
    }

    /// A new zygote that has become `role`.
    pub(crate) async fn zygote(&self, role: Role, around: &Surroundings) -> Result<Template, LoadFailure> {
        self.base().await?.zygote(role, around).await
    }

    /// The base, started if there is none.
    async fn base(&self) -> Result<Arc<Template>, LoadFailure> {
        let mut root = self.root.lock().await;
        if let Some(alive) = root.base.as_ref().filter(|base| base.is_alive()) {
            return Ok(Arc::clone(alive));
        }
        let started = Arc::new(Template::base(&self.command, &root.boot, &self.around).await?);
        root.base = Some(Arc::clone(&started));
        Ok(started)
    }

    /// Has later zygotes come from another base, if this one differs. The old one lives as long as its zygotes do.
    pub(crate) async fn rebase(&self, base: Base) {
        let (mut root, boot) = (self.root.lock().await, Order::Boot(base));
        if root.boot != boot {
            *root = Root { boot, base: None };
        }
    }

    /// Ends the base, once no zygote of it is left.
    pub(crate) async fn close(&self) {
        self.root.lock().await.base.take();
    }
}
