//! Events that a Worker hands to another one by a service binding: what its handler decides goes back as the cell says it.

use std::sync::Arc;

use hognose_wire::handing::Due;
use hognose_wire::{CallId, Event, Payload};

use crate::calls::inline;
use crate::isolate::{Answer, Breach, Isolate, Pending};
use crate::links::{DEPTH_MAX, Raised, ServiceLink, Value};

/// The handler of a batch of messages.
const QUEUE: &str = "queue";

impl Isolate {
    /// Runs the `scheduled` handler of another Worker.
    pub(crate) fn hand_scheduled(
        self: &Arc<Self>,
        call: CallId,
        link: Arc<ServiceLink>,
        depth: u32,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let Due { cron, time_ms } = hognose_wire::decode(inline(params.bytes)?)
            .map_err(|error| Breach::new(format!("it handed over no time: {error}")))?;
        self.hand_event(call, link, depth, (), move |isolate, link, ()| {
            let event = Event::Scheduled { cron: &cron, scheduled_time_ms: time_ms };
            isolate.report(link.origin(depth), event).ok_or(())
        });
        Ok(())
    }

    /// Has another Worker's `queue` handler take messages.
    pub(crate) fn hand_queue(
        self: &Arc<Self>,
        call: CallId,
        link: Arc<ServiceLink>,
        depth: u32,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let batch = self.take_value(params)?;
        self.hand_event(call, link, depth, batch, move |isolate, link, batch| {
            isolate.hand(link.origin(depth), QUEUE, batch)
        });
        Ok(())
    }

    fn hand_event<E: Send + 'static>(
        self: &Arc<Self>,
        call: CallId,
        link: Arc<ServiceLink>,
        depth: u32,
        event: E,
        begin: impl Fn(&Arc<Isolate>, &ServiceLink, E) -> Result<Pending, E> + Send + Sync + 'static,
    ) {
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            let begin = |to: &Arc<Isolate>, event| begin(to, &link, event);
            let decided = if depth > DEPTH_MAX {
                Err(Raised::too_deep())
            } else {
                link.invoke(&isolate.grants.directory, event, begin).await.and_then(decided)
            };
            isolate.answer_value(call, decided);
        });
    }
}

fn decided(answer: Answer) -> Result<Value, Raised> {
    match answer {
        Answer::Value(value) => Ok(value),
        Answer::Raised(raised) => Err(raised),
        Answer::Lost(reason) => Err(Raised::error(reason)),
        Answer::Done | Answer::Response(_) => {
            unreachable!("invariant: an isolate that answers an event with anything else is killed")
        }
    }
}
