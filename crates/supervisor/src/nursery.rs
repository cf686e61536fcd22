//! Where zygotes come from: the one base of a server, made again when it dies.

use std::sync::Arc;

use hognose_wire::control::{Base, LoadFailure, Order, Role};
use tokio::sync::Mutex;

use crate::template::{CellCommand, Surroundings, Template};

/// Keeps the base, and has it fork zygotes.
pub(crate) struct Nursery {
    command: CellCommand,
    around: Surroundings,
    cradle: Mutex<Cradle>,
}

/// What the base is to be, and the base itself where there is one.
struct Cradle {
    boot: Order,
    base: Option<Arc<Template>>,
}

impl Nursery {
    pub(crate) fn new(command: CellCommand, base: Base, around: Surroundings) -> Self {
        let cradle = Cradle { boot: Order::Boot(base), base: None };
        Self { command, around, cradle: Mutex::new(cradle) }
    }

    /// Has later zygotes come from another base, if it differs: the packages have changed.
    pub(crate) async fn rebase(&self, base: Base) {
        let boot = Order::Boot(base);
        let mut cradle = self.cradle.lock().await;
        if cradle.boot != boot {
            *cradle = Cradle { boot, base: None };
        }
    }

    /// A new zygote that has become `role`.
    pub(crate) async fn zygote(&self, role: Role, around: &Surroundings) -> Result<Template, LoadFailure> {
        self.base().await?.zygote(role, around).await
    }

    /// The base, started if there is none.
    async fn base(&self) -> Result<Arc<Template>, LoadFailure> {
        let mut cradle = self.cradle.lock().await;
        if let Some(alive) = cradle.base.as_ref().filter(|base| base.is_alive()) {
            return Ok(Arc::clone(alive));
        }
        let started = Arc::new(Template::base(&self.command, &cradle.boot, &self.around).await?);
        cradle.base = Some(Arc::clone(&started));
        Ok(started)
    }

    /// Ends the base; zygotes and isolates live on.
    pub(crate) async fn close(&self) {
        self.cradle.lock().await.base.take();
    }
}
