//! Calls on Durable Objects: `fetch` and methods. They begin in the order in which their caller made them.

use std::sync::Arc;

use hognose_wire::objects::{Object, ObjectId};
use hognose_wire::{CallId, HttpRequest, Payload};
use http::Response;
use tokio::sync::oneshot;

use super::{Facet, ObjectLink, Placed};
use crate::body::Body;
use crate::calls::{inline, read_request};
use crate::isolate::{Answer, Breach, Isolate, Origin, Pending, Refused};
use crate::links::{DEPTH_MAX, MethodCall, Raised, Value};

/// What is said of an object that is given more than it can take.
const OVERLOADED: &str = "Durable Object is overloaded. Too many requests queued.";

/// The object that a call is for, and how deep it is.
pub(crate) struct ToObject {
    pub(crate) link: Arc<ObjectLink>,
    pub(crate) digits: String,
    pub(crate) name: Option<String>,
    pub(crate) depth: u32,
}

impl ToObject {
    pub(crate) fn new(link: Arc<ObjectLink>, id: ObjectId<'_>, depth: u32) -> Self {
        Self { link, digits: id.digits.to_owned(), name: id.name.map(str::to_owned), depth }
    }

    fn origin(&self, placed: &Placed) -> Origin<'_> {
        let facet = self.link.facet.as_ref();
        let own = ObjectId { digits: &self.digits, name: self.name.as_deref() };
        let id = facet.map_or(own, Facet::id);
        let object = Some(Object { number: placed.number, id, sql: self.link.namespace.sql });
        let props = facet.map_or("", |facet| &facet.props);
        Origin { entrypoint: Some(&self.link.class), props, depth: self.depth, object }
    }
}

impl Isolate {
    /// Has an object answer a request.
    pub(crate) fn fetch_object(
        self: &Arc<Self>,
        call: CallId,
        to: ToObject,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let bytes = inline(params.bytes)?.to_vec();
        let body = {
            let request: HttpRequest<'_> = read_request(&bytes)?;
            self.accept(request.body, None)?
        };
        let begun = self.begin_on_object(to, move |to, placed| {
            let request = read_request(&bytes).map_err(|breach| Raised::error(breach.to_string()))?;
            let pending = placed.isolate.fetch(to.origin(placed), request, body);
            pending.map_err(|Refused(_body)| Raised::overloaded(OVERLOADED))
        });
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            let result: Result<Response<Body>, Raised> = match answer(begun).await {
                Ok(Answer::Response(response)) => Ok(response),
                Ok(_) => {
                    unreachable!("invariant: an isolate that answers a request with anything else is killed")
                }
                Err(raised) => Err(raised),
            };
            isolate.answer_worker(call, result);
        });
        Ok(())
    }

    /// Calls a method of an object.
    pub(crate) fn call_object(
        self: &Arc<Self>,
        call: CallId,
        to: ToObject,
        what: MethodCall,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let arguments = self.take_value(params)?;
        let begun = self.begin_on_object(to, move |to, placed| {
            let pending = placed.isolate.rpc(to.origin(placed), &what, arguments);
            pending.map_err(|_arguments| Raised::overloaded(OVERLOADED))
        });
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            let result: Result<Value, Raised> = match answer(begun).await {
                Ok(Answer::Value(value)) => Ok(value),
                Ok(_) => {
                    unreachable!("invariant: an isolate that answers a call with anything else is killed")
                }
                Err(raised) => Err(raised),
            };
            isolate.answer_value(call, result);
        });
        Ok(())
    }

    fn begin_on_object(
        self: &Arc<Self>,
        to: ToObject,
        begin: impl FnOnce(&ToObject, &Placed) -> Result<Pending, Raised> + Send + 'static,
    ) -> oneshot::Receiver<Result<Pending, Raised>> {
        let (sender, begun) = oneshot::channel();
        if to.depth > DEPTH_MAX {
            // The receiver is right here.
            let _received = sender.send(Err(Raised::too_deep()));
            return begun;
        }
        let (link, digits) = (Arc::clone(&to.link), to.digits.clone());
        let delivery = move |placed: Result<&Placed, Raised>| {
            // A caller that has gone drops what was begun, which cancels it.
            let _gone = sender.send(placed.and_then(|placed| begin(&to, placed)));
        };
        let objects = self.grants.objects.as_ref().expect("invariant: what has a namespace has objects");
        objects.deliver(&link, &digits, Box::new(delivery));
        begun
    }
}

async fn answer(begun: oneshot::Receiver<Result<Pending, Raised>>) -> Result<Answer, Raised> {
    let pending = begun.await.unwrap_or_else(|_| Err(Raised::lost()))?;
    match pending.answer().await {
        Answer::Raised(raised) => Err(raised),
        Answer::Lost(_) => Err(Raised::lost()),
        answer => Ok(answer),
    }
}
