//! Where zygotes come from: bases, each made again when it dies. Workers with the same packages share one. Between the
//! base and the zygotes of a Worker there may be a template that has imported what the Worker begins with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError, Weak};

use hognose_wire::control::{Base, LoadFailure, Order, Role, Worker};
use tokio::sync::Mutex;

use crate::egress::Egress;
use crate::template::{CellCommand, Surroundings, Template};

/// How the files of Python modules end.
const PYTHON: &str = ".py";

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
        Nursery {
            command: self.command.clone(),
            around,
            boot,
            base: Mutex::default(),
            packages: Mutex::default(),
        }
    }
}

/// Keeps one base and what was forked from it to hold packages, and has them fork zygotes.
pub(crate) struct Nursery {
    command: CellCommand,
    around: Surroundings,
    boot: Order,
    base: Mutex<Option<Arc<Template>>>,
    packages: Mutex<HashMap<String, Packages>>,
}

/// The packages that a Worker begins with, imported once for the versions of its code.
struct Packages {
    role: Role,
    /// `None`: they cannot be imported, or leave what no fork can share. Each zygote imports them for itself then.
    template: Option<Weak<Template>>,
}

impl Nursery {
    /// A new zygote of the Worker.
    pub(crate) async fn zygote(
        &self,
        worker: &Worker,
        around: &Surroundings,
    ) -> Result<Template, LoadFailure> {
        let role = Role::Zygote(Box::new(worker.clone()));
        let parent = self.parent(worker, around).await?;
        let made = Arc::clone(&parent).zygote(role.clone(), around).await;
        let Err(failure) = &made else { return made };
        // That a template has died is found out by asking it.
        if failure.is_outdated || !parent.is_alive() {
            self.packages.lock().await.remove(&worker.name);
            return self.parent(worker, around).await?.zygote(role, around).await;
        }
        made
    }

    /// What the Worker's zygotes are forked from.
    async fn parent(&self, worker: &Worker, around: &Surroundings) -> Result<Arc<Template>, LoadFailure> {
        let base = self.base().await?;
        if !self.has_packages() || !worker.main.ends_with(PYTHON) || worker.python_modules.is_some() {
            return Ok(base);
        }
        let role = Role::Packages(Box::new(Worker { env: Vec::new(), ..worker.clone() }));
        let mut known = self.packages.lock().await;
        match known.get(&worker.name).filter(|packages| packages.role == role) {
            Some(Packages { template: None, .. }) => return Ok(base),
            Some(Packages { template: Some(template), .. }) => {
                if let Some(alive) = template.upgrade().filter(|template| template.is_alive()) {
                    return Ok(alive);
                }
            }
            None => {}
        }
        let made = Arc::clone(&base).zygote(role.clone(), around).await;
        let made = made.ok().filter(|template| template.loaded.unforkable.is_empty()).map(Arc::new);
        let template = made.as_ref().map(Arc::downgrade);
        known.insert(worker.name.clone(), Packages { role, template });
        Ok(made.unwrap_or(base))
    }

    /// Whether packages are installed that a Worker could begin with.
    fn has_packages(&self) -> bool {
        matches!(&self.boot, Order::Boot(base) if !base.site_dirs.is_empty())
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
