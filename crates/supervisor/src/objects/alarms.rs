//! Waking objects whose alarms are due, by the index that the store keeps.
//!
//! An alarm is handled at least once. One whose handler fails is tried again, later and later, and given up after so many
//! times; what is no fault of the handler (its isolate died) is tried again without being counted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hognose_services::objects::Alarm;
use hognose_services::{Clock, SystemClock};
use hognose_wire::Event;
use hognose_wire::objects::{Object, ObjectId};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{ObjectLink, Objects, Placed};
use crate::isolate::{Answer, Origin, Pending};
use crate::links::Raised;

/// The delay after the first failure, which doubles with each.
const RETRY_FIRST_MS: f64 = 2000.0;
/// How often the delay doubles.
const DOUBLINGS_MAX: u32 = 9;
/// How soon an alarm is tried again whose isolate died.
const RETRY_UNCOUNTED_MS: f64 = 1000.0;
/// How soon an alarm is looked at again whose class no Worker of the server has.
const UNKNOWN_MS: f64 = 60_000.0;
/// The longest sleep: a clock that was set is noticed after it.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// Alarms being handled, by namespace and object.
type UnderWay = Arc<Mutex<HashSet<(String, String)>>>;

/// Wakes objects until the server stops.
pub(crate) async fn wake_objects(objects: Arc<Objects>, stop: CancellationToken) {
    let under_way = UnderWay::default();
    loop {
        let seen = objects.store.alarms().signal().count();
        let next = start_due(&objects, &under_way);
        let pause = next.map_or(SLEEP_MAX, |pause| pause.min(SLEEP_MAX));
        tokio::select! {
            () = stop.cancelled() => return,
            () = objects.store.alarms().signal().changed(seen) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Starts what is due, and says in how long the next one is.
fn start_due(objects: &Arc<Objects>, under_way: &UnderWay) -> Option<Duration> {
    let now_ms = SystemClock.now_ms() as f64;
    // An index that cannot be read now is looked at again after a pause.
    let (due, next_ms) = objects.store.alarms().due(now_ms).ok()?;
    for alarm in due {
        let key = (alarm.namespace.clone(), alarm.object.clone());
        if !lock(under_way).insert(key.clone()) {
            continue;
        }
        let (working, under_way) = (Arc::clone(objects), Arc::clone(under_way));
        objects.spawn(async move {
            handle(&working, alarm).await;
            lock(&under_way).remove(&key);
            // It may have been set anew meanwhile.
            working.store.alarms().recheck();
        });
    }
    next_ms.map(|next_ms| Duration::from_secs_f64((next_ms - now_ms).max(0.0) / 1000.0))
}

fn lock(under_way: &UnderWay) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn handle(objects: &Arc<Objects>, alarm: Alarm) {
    let Some(link) = objects.directory.class_of(&alarm.namespace) else {
        // Its Worker is not among those served; it waits for a server that has it.
        return postpone(objects, &alarm, UNKNOWN_MS);
    };
    let (failures, delay_ms) = match ring(objects, &link, &alarm).await {
        Answer::Raised(raised) if !raised.retryable => {
            let failures = alarm.failures + 1;
            (failures, RETRY_FIRST_MS * f64::from(1_u32 << (failures - 1).min(DOUBLINGS_MAX)))
        }
        Answer::Raised(_) | Answer::Lost(_) => (alarm.failures, RETRY_UNCOUNTED_MS),
        Answer::Done | Answer::Response(_) | Answer::Value(_) => return,
    };
    postpone(objects, &Alarm { failures, ..alarm }, delay_ms);
}

fn postpone(objects: &Objects, alarm: &Alarm, delay_ms: f64) {
    let next_ms = SystemClock.now_ms() as f64 + delay_ms;
    // Where this is not stored the alarm is tried again at once, which is allowed.
    let _unstored = objects.store.alarms().postpone(alarm, next_ms);
}

/// Has the object handle its alarm.
async fn ring(objects: &Arc<Objects>, link: &Arc<ObjectLink>, alarm: &Alarm) -> Answer {
    let (sender, begun) = oneshot::channel::<Result<Pending, Raised>>();
    let (to, ringing) = (Arc::clone(link), alarm.clone());
    let delivery = move |placed: Result<&Placed, Raised>| {
        let begin = |placed: &Placed| {
            let id = ObjectId { digits: &ringing.object, name: None };
            let object = Some(Object { number: placed.number, id, sql: to.namespace.sql });
            let origin = Origin { entrypoint: Some(&to.class), object, ..Origin::default() };
            let event = Event::Alarm { retry_count: ringing.failures, scheduled_time_ms: ringing.due_ms };
            placed.isolate.notify(origin, event).ok_or_else(Raised::lost)
        };
        // The receiver waits for it.
        let _received = sender.send(placed.and_then(begin));
    };
    objects.deliver(link, &alarm.object, Box::new(delivery));
    match begun.await {
        Ok(Ok(pending)) => pending.answer().await,
        Ok(Err(raised)) => Answer::Lost(raised.message),
        Err(_) => Answer::Lost(String::new()),
    }
}
