//! Worker Loader: Workers that other Workers load at run time. Each is a Worker as any other, with cells of its own, that
//! nobody finds but who holds it: the loader that knows it by its id, and stubs. When neither is left, it ends.
//!
//! What becomes of the code (files, flags, a base) is the business of [`CodeLoader`], for which the command stands up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hognose_wire::loading::{CODE_MAX, ENTER, ENV_MAX, Enter, FIND, LOAD, Load, Module, Outbound};
use hognose_wire::{CallId, Payload};
use http_body_util::{BodyExt, Collected, Limited};
use tokio::runtime::Handle as Runtime;
use tokio::time::Instant;

use crate::body::Body;
use crate::calls::inline;
use crate::isolate::{Breach, Isolate};
use crate::links::{GivenLink, GivenObject, Handle, Raised, ServiceLink, Value};
use crate::slot::{Shared, Slot};
use crate::version::WorkerVersion;

/// How many Workers with ids a loader keeps; of more it forgets the one that was asked for least recently.
pub const LOADED_MAX: usize = 64;

/// How long a Worker that nobody holds any more may take to finish.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// More than the encoding of modules adds to their bytes.
const ENCODING_MAX: usize = 4 << 20;

/// Where `fetch()` leads.
#[derive(Clone, Debug, Default)]
pub enum WayOut {
    /// Into the network, as far as the operator lets it.
    #[default]
    Network,
    /// Nowhere; sockets neither.
    Nowhere,
    /// To a Worker; sockets nowhere.
    Worker(ServiceLink),
}

/// Makes versions of code that comes at run time.
pub trait CodeLoader: Send + Sync {
    /// The version, or why there can be none. May block. `id` tells it from all others of the server.
    fn version(&self, id: u64, code: DynamicCode) -> Result<DynamicVersion, String>;
}

/// Code that came at run time.
pub struct DynamicCode {
    /// What the Worker is to be called.
    pub name: String,
    /// `YYYY-MM-DD`.
    pub compatibility_date: String,
    /// As in a configuration.
    pub compatibility_flags: Vec<String>,
    /// The name of the main module.
    pub main: String,
    /// All of the code.
    pub modules: Vec<Module>,
    /// The clone in [`hognose_wire::control::Given`].
    pub env: Vec<u8>,
    /// Where its capabilities lead.
    pub links: Vec<GivenLink>,
    /// Where `fetch()` leads.
    pub way_out: WayOut,
    /// The Workers that are told of its invocations.
    pub tails: Vec<ServiceLink>,
}

/// What is to be served.
pub struct DynamicVersion {
    /// The version.
    pub version: WorkerVersion,
    /// Keeps what it is made of, its files. Dropped when no cell of it is left.
    pub files: Box<dyn Send + Sync>,
}

/// The server half of a binding.
pub(crate) struct Loader {
    /// The Worker whose binding it is.
    worker: Arc<str>,
    code: Arc<dyn CodeLoader>,
    shared: Arc<Shared>,
    /// By id, the one asked for most recently at the end.
    loaded: Mutex<Vec<(String, Arc<Loaded>)>>,
}

/// A loaded Worker. It ends when this is dropped.
pub(crate) struct Loaded {
    slot: Arc<Slot>,
    files: Option<Box<dyn Send + Sync>>,
    shared: Arc<Shared>,
    runtime: Runtime,
}

impl Loaded {
    pub(crate) fn slot(&self) -> Arc<Slot> {
        Arc::clone(&self.slot)
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.slot.name())
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let (slot, files, shared) = (Arc::clone(&self.slot), self.files.take(), Arc::clone(&self.shared));
        let ending = async move {
            slot.close(Instant::now() + DRAIN_MAX).await;
            shared.directory.take_out(&slot);
            drop(files);
        };
        self.runtime.spawn(self.shared.tasks.track_future(ending));
    }
}

/// What a Worker gives to its loader.
struct Asked {
    load: Load,
    modules: Body,
    env: Body,
    caps: Vec<Handle>,
    /// Where the `fetch()` of who asks leads.
    inherited: WayOut,
}

impl Loader {
    pub(crate) fn new(worker: Arc<str>, code: Arc<dyn CodeLoader>, shared: Arc<Shared>) -> Self {
        Self { worker, code, shared, loaded: Mutex::default() }
    }

    /// What is loaded under an id and has not failed to load.
    fn find(&self, id: &str) -> Option<Arc<Loaded>> {
        let mut known = self.known();
        let at = known.iter().position(|(known, _)| known == id)?;
        let found = known.remove(at);
        if found.1.slot.has_failed() {
            drop(known);
            return None;
        }
        let loaded = Arc::clone(&found.1);
        known.push(found);
        Some(loaded)
    }

    /// Loads a Worker, or gives the one that another isolate has loaded under the same id meanwhile.
    async fn load(self: Arc<Self>, asked: Asked) -> Result<Arc<Loaded>, Raised> {
        let Asked { load, modules, env, caps, inherited } = asked;
        if let Some(loaded) = load.id.as_deref().and_then(|id| self.find(id)) {
            return Ok(loaded);
        }
        let modules = whole(modules, CODE_MAX + ENCODING_MAX).await?;
        let modules = postcard::from_bytes(&modules).map_err(|error| Raised::error(error.to_string()))?;
        let env = whole(env, ENV_MAX + ENCODING_MAX).await?.to_vec();
        let links = caps.iter().map(given).collect::<Result<Vec<_>, _>>()?;
        let (others, tails) = links.split_at(links.len().saturating_sub(load.tails));
        let way_out = match load.outbound {
            Outbound::Inherited => inherited,
            Outbound::Nothing => WayOut::Nowhere,
            Outbound::Worker => {
                let link = others.last().ok_or_else(|| Raised::error("The way out is missing."))?;
                WayOut::Worker(worker(link, "The globalOutbound of a dynamic Worker")?)
            }
        };
        let tails = tails.iter().map(|link| worker(link, "Each tail of a dynamic Worker"));
        let tails = tails.collect::<Result<_, _>>()?;
        let number = self.shared.directory.next_number();
        let name = self.name(load.id.as_deref(), number);
        let Load { compatibility_date, compatibility_flags, main, .. } = load;
        let code = DynamicCode {
            name,
            compatibility_date,
            compatibility_flags,
            main,
            modules,
            env,
            links,
            way_out,
            tails,
        };
        let (runtime, maker) = (Runtime::current(), Arc::clone(&self.code));
        let made = runtime.spawn_blocking(move || maker.version(number, code)).await;
        let made = made.map_err(|error| Raised::error(error.to_string()))?.map_err(Raised::error)?;
        Ok(self.keep(load.id, made, runtime))
    }

    /// A name for a Worker, which no other one has.
    fn name(&self, id: Option<&str>, number: u64) -> String {
        let own = id.map(|id| format!("{}:{id}", self.worker));
        let unused = own.filter(|own| self.shared.directory.find(own).is_none());
        unused.unwrap_or_else(|| format!("{}:{}:{number}", self.worker, id.unwrap_or_default()))
    }

    /// Begins to load the version; who asks for the Worker waits for it.
    fn keep(&self, id: Option<String>, made: DynamicVersion, runtime: Runtime) -> Arc<Loaded> {
        let DynamicVersion { version, files } = made;
        let slot = self.shared.slot(&version);
        self.shared.directory.put_in(&slot);
        let shared = Arc::clone(&self.shared);
        let loaded = Arc::new(Loaded { slot: Arc::clone(&slot), files: Some(files), shared, runtime });
        // A failure is told as an event, and to whoever asks for the Worker.
        self.shared.tasks.spawn(async move { slot.replace(version).await.is_ok() });
        let Some(id) = id else { return loaded };
        let mut known = self.known();
        let oldest = (known.len() == LOADED_MAX).then(|| known.remove(0));
        known.push((id, Arc::clone(&loaded)));
        drop(known);
        drop(oldest);
        loaded
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Vec<(String, Arc<Loaded>)>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a capability in `env` leads to.
fn given(handle: &Handle) -> Result<GivenLink, Raised> {
    match handle {
        Handle::Service(link) if link.loaded.is_none() => Ok(GivenLink::Worker((**link).clone())),
        Handle::Object(object) if object.link.facet.is_none() => {
            Ok(GivenLink::Object(GivenObject(Arc::clone(object))))
        }
        _ => Err(unfit(
            "The env of a dynamic Worker holds data, bindings to Workers and stubs of objects only.",
        )),
    }
}

/// A binding where only one to a Worker will do; `what` is its place.
fn worker(link: &GivenLink, what: &str) -> Result<ServiceLink, Raised> {
    match link {
        GivenLink::Worker(link) => Ok(link.clone()),
        GivenLink::Object(_) => Err(unfit(&format!("{what} must be a binding to a Worker."))),
    }
}

fn unfit(message: &str) -> Raised {
    Raised { name: "DataCloneError".into(), ..Raised::error(message) }
}

async fn whole(body: Body, most: usize) -> Result<Bytes, Raised> {
    let collected = Limited::new(body, most).collect().await;
    collected.map(Collected::to_bytes).map_err(|error| Raised::error(error.to_string()))
}

impl Isolate {
    /// What a Worker asks of its loader.
    pub(crate) fn call_loader(
        self: &Arc<Self>,
        call: CallId,
        loader: Arc<Loader>,
        method: &str,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        match method {
            FIND => {
                let id: &str = read(inline(params.bytes)?)?;
                let found = loader.find(id).map(Handle::Loaded);
                let caps = found.into_iter().collect();
                self.answer_value(call, Ok(Value { caps, ..Value::default() }));
                Ok(())
            }
            LOAD => {
                let load: Load = read(inline(params.bytes)?)?;
                let value = self.take_value(Payload { bytes: hognose_wire::Body::None, ..params })?;
                let Ok([modules, env]) = <[Body; 2]>::try_from(value.bodies) else {
                    return Err(Breach::new("it loaded a Worker without code"));
                };
                let inherited = self.grants.way_out.clone();
                let asked = Asked { load, modules, env, caps: value.caps, inherited };
                let isolate = Arc::clone(self);
                self.follow(call, async move {
                    let loaded = loader.load(asked).await;
                    let value = loaded.map(|loaded| alone(Handle::Loaded(loaded)));
                    isolate.answer_value(call, value);
                });
                Ok(())
            }
            _ => Err(Breach::new(format!("a loader has no method `{}`", method.escape_debug()))),
        }
    }

    /// Gives an entrypoint of a loaded Worker.
    pub(crate) fn enter_loaded(
        self: &Arc<Self>,
        call: CallId,
        loaded: Arc<Loaded>,
        method: &str,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        if method != ENTER {
            return Err(Breach::new(format!("a loaded Worker has no method `{}`", method.escape_debug())));
        }
        let Enter { name, props } = read(inline(params.bytes)?)?;
        let link = ServiceLink {
            worker: loaded.slot.name().to_owned(),
            entrypoint: name,
            props,
            loaded: Some(loaded),
        };
        self.answer_value(call, Ok(alone(Handle::Service(Arc::new(link)))));
        Ok(())
    }
}

fn alone(handle: Handle) -> Value {
    Value { caps: vec![handle], ..Value::default() }
}

fn read<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Breach> {
    postcard::from_bytes(bytes)
        .map_err(|error| Breach::new(format!("it asked a loader for nothing: {error}")))
}
