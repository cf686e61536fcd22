//! The storage engines of a state folder, and the services of a Worker's bindings on them.

use std::sync::Arc;

use hognose_config::Plan;
use hognose_services::d1::{D1Service, SqliteD1};
use hognose_services::kv::{KvService, SqliteKv};
use hognose_services::{Clock, Service, SystemClock};

use crate::error::CommandError;
use crate::state::State;

/// The storage engines, opened once and shared by all Workers and their versions: those that use the same id share the
/// data.
pub(crate) struct Engines {
    clock: Arc<dyn Clock>,
    kv: SqliteKv,
    d1: SqliteD1,
}

/// A binding: its name in `env`, the kind of its object there, and what answers the calls on it.
pub(crate) struct Bound<'a> {
    pub name: &'a str,
    pub kind: &'static str,
    pub service: Arc<dyn Service>,
}

impl Engines {
    /// Opens them in the state folder.
    pub(crate) fn open(state: &State) -> Result<Self, CommandError> {
        let folder = state.folder("kv")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let kv = SqliteKv::open(&folder.join("kv.sqlite"), Arc::clone(&clock))
            .map_err(|source| CommandError::Storage { folder, source: source.into() })?;
        let d1 = SqliteD1::new(state.folder("d1")?, Arc::clone(&clock));
        Ok(Self { clock, kv, d1 })
    }

    /// The bindings of a Worker, in the order of its configuration's plan.
    pub(crate) fn bindings<'a>(&self, plan: &'a Plan) -> Result<Vec<Bound<'a>>, CommandError> {
        let mut bound = Vec::new();
        for kv in &plan.kv_namespaces {
            bound.push(Bound { name: &kv.binding, kind: "kv", service: self.kv_service(&kv.id)? });
        }
        for d1 in &plan.d1_databases {
            let service = Arc::new(D1Service::new(Arc::new(self.d1.database(&d1.id))));
            bound.push(Bound { name: &d1.binding, kind: "d1", service });
        }
        Ok(bound)
    }

    fn kv_service(&self, id: &str) -> Result<Arc<dyn Service>, CommandError> {
        let namespace =
            self.kv.namespace(id).map_err(|source| CommandError::Namespace { id: id.to_owned(), source })?;
        Ok(Arc::new(KvService::new(Arc::new(namespace), Arc::clone(&self.clock))))
    }
}
