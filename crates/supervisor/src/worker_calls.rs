//! Calls that lead to other Workers, or to something that another isolate hosts: `fetch` and methods.

use std::sync::Arc;

use hognose_wire::{CallId, Frame, HttpRequest, Payload};
use http::Response;

use crate::body::Body;
use crate::calls::{inline, read_request};
use crate::isolate::{Answer, Breach, Isolate, Refused};
use crate::links::{DEPTH_MAX, Handle, MethodCall, Raised, ServiceLink, Value};
use crate::streams::remote_error;

impl Isolate {
    /// Has another Worker answer a request.
    pub(crate) fn call_worker(
        self: &Arc<Self>,
        call: CallId,
        link: Arc<ServiceLink>,
        depth: u32,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let bytes = inline(params.bytes)?.to_vec();
        let body = {
            let request: HttpRequest<'_> = read_request(&bytes)?;
            self.accept(request.body, None)?
        };
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            let result = isolate.fetch_worker(&link, depth, &bytes, body).await;
            isolate.answer_worker(call, result);
        });
        Ok(())
    }

    async fn fetch_worker(
        &self,
        link: &ServiceLink,
        depth: u32,
        request: &[u8],
        body: Body,
    ) -> Result<Response<Body>, Raised> {
        if depth > DEPTH_MAX {
            return Err(Raised::too_deep());
        }
        let request = read_request(request).map_err(|breach| Raised::error(breach.to_string()))?;
        let begin = |isolate: &Arc<Isolate>, body| {
            let request = HttpRequest { headers: request.headers.clone(), ..request };
            isolate.fetch(link.origin(depth), request, body).map_err(|Refused(body)| body)
        };
        match link.invoke(&self.grants.directory, body, begin).await? {
            Answer::Response(response) => Ok(response),
            Answer::Raised(raised) => Err(raised),
            Answer::Lost(reason) => Err(Raised::error(reason)),
            Answer::Done | Answer::Value(_) => {
                unreachable!("invariant: an isolate that answers a request with anything else is killed")
            }
        }
    }

    pub(crate) fn answer_worker(self: &Arc<Self>, call: CallId, result: Result<Response<Body>, Raised>) {
        match result {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                let socket = head.extensions.remove();
                self.answer_response(call, &head, ("", false), body, socket);
            }
            Err(raised) => self.answer_raised(call, &raised),
        }
    }

    /// Calls a method of another Worker, or of something in another isolate.
    pub(crate) fn call_method(
        self: &Arc<Self>,
        call: CallId,
        handle: Handle,
        depth: u32,
        what: MethodCall,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let arguments = self.take_value(params)?;
        let isolate = Arc::clone(self);
        if let Handle::Hosted(hosted) = handle {
            let called = hosted.isolate.call_hosted(hosted.cap, &what, arguments);
            self.follow(call, async move {
                let result = called.await;
                isolate.answer_value(call, result);
                drop(hosted);
            });
            return Ok(());
        }
        self.follow(call, async move {
            let result = match handle {
                Handle::Granted
                | Handle::Hosted(_)
                | Handle::Objects(_)
                | Handle::Object(_)
                | Handle::Socket(_)
                | Handle::Loader(_)
                | Handle::Loaded(_) => {
                    unreachable!("invariant: what is no Worker is called elsewhere")
                }
                Handle::Assets(_) | Handle::Identity(_) => Err(Raised::no_method(&what)),
                Handle::Service(link) => isolate.call_entrypoint(&link, depth, &what, arguments).await,
            };
            isolate.answer_value(call, result);
        });
        Ok(())
    }

    async fn call_entrypoint(
        &self,
        link: &ServiceLink,
        depth: u32,
        what: &MethodCall,
        arguments: Value,
    ) -> Result<Value, Raised> {
        if depth > DEPTH_MAX {
            return Err(Raised::too_deep());
        }
        let begin = |isolate: &Arc<Isolate>, arguments| isolate.rpc(link.origin(depth), what, arguments);
        match link.invoke(&self.grants.directory, arguments, begin).await? {
            Answer::Value(value) => Ok(value),
            Answer::Raised(raised) => Err(raised),
            Answer::Lost(reason) => Err(Raised::error(reason)),
            Answer::Done | Answer::Response(_) => {
                unreachable!("invariant: an isolate that answers a call with anything else is killed")
            }
        }
    }

    /// Gives a capability of one of the Worker's own entrypoints with props, which come as JSON.
    pub(crate) fn specialize(
        self: &Arc<Self>,
        call: CallId,
        link: &ServiceLink,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let props: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(inline(params.bytes)?)
            .map_err(|error| Breach::new(format!("it gave props that are no JSON object: {error}")))?;
        let props = serde_json::Value::Object(props).to_string();
        let handle = Handle::Service(Arc::new(ServiceLink { props, ..link.clone() }));
        self.answer_value(call, Ok(Value { caps: vec![handle], ..Value::default() }));
        Ok(())
    }

    pub(crate) fn answer_value(self: &Arc<Self>, call: CallId, result: Result<Value, Raised>) {
        let value = match result {
            Ok(value) => value,
            Err(raised) => return self.answer_raised(call, &raised),
        };
        let mut state = self.state();
        if !state.end_call(call) {
            drop(state);
            return drop(value);
        }
        match Self::pack(&mut state, value) {
            Ok(packed) => {
                state.send(Frame::Return { call, result: Ok(packed.wire()) });
                drop(state);
            }
            Err(value) => {
                let error = remote_error("Error", "Too many streams or objects are open at once.");
                state.send(Frame::Return { call, result: Err(error) });
                drop(state);
                drop(value);
            }
        }
    }

    fn answer_raised(&self, call: CallId, raised: &Raised) {
        let mut state = self.state();
        if state.fail_call(call, &raised.message) {
            state.send(Frame::Return { call, result: Err(raised.wire()) });
        }
    }
}
