//! Calling what an isolate hosts for others: functions and objects that it handed out.

use std::sync::Arc;

use hognose_wire::{CallId, CapId, CapRef, Frame, Payload, RemoteError};
use tokio::sync::oneshot;

use super::{Breach, Isolate};
use crate::links::{HOST_GONE, MethodCall, Raised, Value};

impl Isolate {
    /// Calls a method of something that the isolate hosts. It is begun at once: calls on one stub come in the order in
    /// which they were made.
    pub(crate) fn call_hosted(
        self: &Arc<Self>,
        cap: CapId,
        call: &MethodCall,
        arguments: Value,
    ) -> impl Future<Output = Result<Value, Raised>> + use<> {
        let begun = self.begin_hosted(cap, call, arguments);
        async move { begun?.await.unwrap_or_else(|_| Err(Raised::error(HOST_GONE))) }
    }

    fn begin_hosted(
        self: &Arc<Self>,
        cap: CapId,
        call: &MethodCall,
        arguments: Value,
    ) -> Result<oneshot::Receiver<Result<Value, Raised>>, Raised> {
        let mut state = self.state();
        if state.closing.is_some() {
            drop(state);
            return Err(Raised::error(HOST_GONE));
        }
        let packed = match Self::pack(&mut state, arguments) {
            Ok(packed) => packed,
            Err(arguments) => {
                drop(state);
                drop(arguments);
                return Err(Raised::error("Too many objects are held at once."));
            }
        };
        let (sender, answer) = oneshot::channel();
        let number = state.asked.open(sender);
        let sent = number.map(|number| {
            state.send(Frame::Call {
                call: number,
                invocation: None,
                target: CapRef::Receiver(cap),
                method: &call.method,
                access: call.access(),
                params: packed.wire(),
            });
        });
        drop(state);
        sent.map(|()| answer).map_err(|full| Raised::error(full.to_string()))
    }

    /// The isolate has answered a call of ours.
    pub(crate) fn returned(
        self: &Arc<Self>,
        call: CallId,
        result: Result<Payload<'_>, RemoteError<'_>>,
    ) -> Result<(), Breach> {
        let sender = self.state().asked.close(call)?;
        let result = match result {
            Ok(payload) => Ok(self.take_value(payload)?),
            Err(error) => Err(error.into()),
        };
        // Whoever asked may have gone.
        let _gone = sender.send(result);
        Ok(())
    }

    /// The isolate gives references back.
    pub(crate) fn released(&self, cap: CapId, count: u32) -> Result<(), Breach> {
        let last = self.state().exports.release(cap, count)?;
        drop(last);
        Ok(())
    }
}
