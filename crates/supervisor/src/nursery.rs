//! Where zygotes come from: bases, each made again when it dies. Workers with the same packages share one.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError, Weak};

use hognose_wire::control::{Base, LoadFailure, Order, Role};
use tokio::sync::Mutex;

use crate::egress::Egress;
use crate::template::{CellCommand, Surroundings, Template};

/// All bases of a server.
pub(crate) struct Nurseries {
    command: CellCommand,
    around: Surroundings,
    known: SyncMutex<Vec<Weak<Nursery>>>,
}

impl Nurseries {
    pub(crate) fn new(command: CellCommand, around: Surroundings) -> Self {
        Self { command, around, known: SyncMutex::default() }
    }

    /// The one with this base. It lives as long as somebody keeps it.
    pub(crate) fn of(&self, base: Base) -> Arc<Nursery> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|nursery| nursery.strong_count() > 0);
        let boot = Order::Boot(Box::new(base));
        let alive = known.iter().filter_map(Weak::upgrade).find(|nursery| nursery.boot == boot);
        alive.unwrap_or_else(|| {
            let made = Arc::new(self.made(boot, self.around.clone()));
            known.push(Arc::downgrade(&made));
            made
        })
    }

    /// One that nobody shares, whose sockets go through this.
    pub(crate) fn apart(&self, base: Base, egress: Arc<Egress>) -> Arc<Nursery> {
        Arc::new(self.made(Order::Boot(Box::new(base)), Surroundings { egress, ..self.around.clone() }))
    }

    fn made(&self, boot: Order, around: Surroundings) -> Nursery {
        Nursery { command: self.command.clone(), around, boot, base: Mutex::default() }
    }
}

/// Keeps one base, and has it fork zygotes.
pub(crate) struct Nursery {
    command: CellCommand,
    around: Surroundings,
    boot: Order,
    base: Mutex<Option<Arc<Template>>>,
}

impl Nursery {
    /// A new zygote that has become `role`.
    pub(crate) async fn zygote(&self, role: Role, around: &Surroundings) -> Result<Template, LoadFailure> {
        let base = self.base().await?;
        let made = Arc::clone(&base).zygote(role.clone(), around).await;
        // That a base has died is found out by asking it.
        if made.is_err() && !base.is_alive() {
            return self.base().await?.zygote(role, around).await;
        }
        made
    }

    /// The base, started if there is none.
    async fn base(&self) -> Result<Arc<Template>, LoadFailure> {
        let mut base = self.base.lock().await;
        if let Some(alive) = base.as_ref().filter(|base| base.is_alive()) {
            return Ok(Arc::clone(alive));
        }
        let started = Arc::new(Template::base(&self.command, &self.boot, &self.around).await?);
        *base = Some(Arc::clone(&started));
        Ok(started)
    }
}
