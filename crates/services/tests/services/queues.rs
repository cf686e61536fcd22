//! Queues' engine: when messages can be had, and what becomes of them.

use std::sync::Arc;

use hognose_services::queues::{
    Batch, ConsumerRules, ContentType, Disposition, Look, Message, Metrics, Queue, QueueConsumer,
    QueueService, QueueSettings, RetryRules, SqliteQueue, SqliteQueues, Verdict, limits,
};
use hognose_services::{Call, Content, Service, block_on};
use hognose_wire::queues as wire;

use crate::support::TurnedClock;

struct Fixture {
    queues: SqliteQueues,
    queue: Arc<SqliteQueue>,
    clock: Arc<TurnedClock>,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TurnedClock::new();
        let queues = SqliteQueues::open(&folder.path().join("queues.sqlite"), clock.clone()).unwrap();
        let queue = Arc::new(queues.queue("jobs").unwrap());
        Self { queues, queue, clock, folder }
    }

    fn send(&self, bodies: &[&str], delay_s: i64) {
        let message = |body: &&str| Message {
            content_type: ContentType::Text,
            body: body.as_bytes().to_vec(),
            delay_s,
        };
        block_on(self.queue.send(bodies.iter().map(message).collect()).wait()).unwrap();
    }

    fn lease(&self, count_max: usize) -> Batch {
        block_on(self.queue.lease(count_max, 60_000).wait()).unwrap()
    }

    fn settle(&self, batch: Batch, verdict: Verdict, rules: &RetryRules) {
        let verdicts = batch.messages.into_iter().map(|message| (message, verdict)).collect();
        block_on(self.queue.settle(verdicts, rules.clone()).wait()).unwrap();
    }

    fn consumer(&self, batch_size_max: usize, batch_timeout_ms: i64) -> QueueConsumer {
        let rules = ConsumerRules {
            batch_size_max,
            batch_timeout_ms,
            concurrency_max: 1,
            retries: RetryRules::default(),
        };
        QueueConsumer::new(self.queue.clone(), rules, self.clock.clone())
    }
}

fn bodies(batch: &Batch) -> Vec<String> {
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    batch.messages.iter().map(|message| text(&message.body)).collect()
}

#[test]
fn what_is_leased_is_nobody_elses_until_the_lease_runs_out() {
    let fixture = Fixture::new();
    fixture.send(&["a", "b", "c"], 0);
    let first = fixture.lease(2);
    assert_eq!(bodies(&first), ["a", "b"]);
    assert_eq!(bodies(&fixture.lease(2)), ["c"]);
    assert!(fixture.lease(2).messages.is_empty());
    fixture.clock.advance(60);
    let again = fixture.lease(9);
    assert_eq!(bodies(&again), ["a", "b", "c"]);
    assert_eq!(again.messages[0].attempts, 2);
    fixture.settle(first, Verdict::Ack, &RetryRules::default());
    assert_eq!(fixture.queue.metrics().unwrap().backlog_count, 3, "the first delivery is heard no more");
    fixture.settle(again, Verdict::Ack, &RetryRules::default());
    assert_eq!(fixture.queue.metrics().unwrap(), Metrics::default());
}

#[test]
fn messages_go_to_the_dead_letter_queue_after_their_last_retry_as_they_were() {
    let fixture = Fixture::new();
    let rules = RetryRules { retries_max: 1, delay_s: 5, dead_letter_queue: Some("dead".to_owned()) };
    fixture.send(&["a"], 0);
    let first = fixture.lease(1);
    let id = first.messages[0].id.clone();
    fixture.settle(first, Verdict::Retry(None), &rules);
    assert!(fixture.lease(1).messages.is_empty());
    fixture.clock.advance(5);
    fixture.settle(fixture.lease(1), Verdict::Retry(Some(9)), &rules);
    let dead = fixture.queues.queue("dead").unwrap();
    let batch = block_on(dead.lease(1, 1000).wait()).unwrap();
    assert_eq!((batch.messages[0].id.clone(), batch.messages[0].attempts), (id, 1));
    assert_eq!((fixture.queue.metrics().unwrap().backlog_count, batch.metrics.backlog_bytes), (0, 1));
}

#[test]
fn the_nearest_delay_holds() {
    let delivered_after = |delay_s: Option<i64>, call_s: Option<i64>, binding_s: Option<i64>| {
        let fixture = Fixture::new();
        let settings = QueueSettings { delivery_delay_s: Some(1), ..QueueSettings::default() };
        fixture.queue.set(settings).unwrap();
        let service = QueueService::new(fixture.queue.clone(), binding_s);
        let message = wire::NewMessage { content_type: ContentType::Text, body: vec![], delay_s };
        let params = postcard::to_allocvec(&wire::Send { is_batch: true, delay_s: call_s }).unwrap();
        let bodies = vec![Content::Whole(postcard::to_allocvec(&vec![message]).unwrap().into())];
        block_on(service.call(Call { method: "send", params: &params, bodies }).wait()).unwrap();
        (0..100).find(|_| {
            let is_there = !fixture.lease(1).messages.is_empty();
            fixture.clock.advance(1);
            is_there
        })
    };
    assert_eq!(delivered_after(Some(4), Some(3), Some(2)), Some(4), "the message's own");
    assert_eq!(delivered_after(Some(0), Some(3), Some(2)), Some(0));
    assert_eq!(delivered_after(None, Some(3), Some(2)), Some(3), "that of the call");
    assert_eq!(delivered_after(None, Some(0), Some(2)), Some(0));
    assert_eq!(delivered_after(None, None, Some(2)), Some(2), "the binding's");
    assert_eq!(delivered_after(None, None, None), Some(1), "the queue's");
}

#[test]
fn a_retry_waits_as_long_as_was_said_nearest() {
    let rules = RetryRules { retries_max: 9, delay_s: 5, dead_letter_queue: None };
    for (delay_s, waits_s) in [(Some(9), 9), (Some(0), 0), (None, 5)] {
        let fixture = Fixture::new();
        fixture.send(&["a"], 0);
        fixture.settle(fixture.lease(1), Verdict::Retry(delay_s), &rules);
        if waits_s > 0 {
            fixture.clock.advance(waits_s - 1);
            assert!(fixture.lease(1).messages.is_empty());
            fixture.clock.advance(1);
        }
        assert_eq!(fixture.lease(1).messages[0].attempts, 2);
    }
}

#[test]
fn without_a_dead_letter_queue_the_last_retry_deletes() {
    let fixture = Fixture::new();
    let rules = RetryRules { retries_max: 0, ..RetryRules::default() };
    fixture.send(&["a", "b"], 0);
    let verdicts = fixture.lease(2).messages.into_iter().map(|message| (message, Verdict::Retry(None)));
    let settled = block_on(fixture.queue.settle(verdicts.collect(), rules).wait()).unwrap();
    assert_eq!((settled.lost, settled.dead), (2, 0));
    assert_eq!(fixture.queue.metrics().unwrap(), Metrics::default());
}

#[test]
fn a_batch_waits_for_others_but_not_for_long() {
    let fixture = Fixture::new();
    let consumer = fixture.consumer(2, 5000);
    assert_eq!(consumer.look(), Ok(Look::NotBefore(None)));
    fixture.send(&["late"], 100);
    assert_eq!(consumer.look(), Ok(Look::NotBefore(Some(100_000))));
    fixture.send(&["a"], 0);
    assert_eq!(consumer.look(), Ok(Look::NotBefore(Some(5000))));
    fixture.clock.advance(4);
    assert_eq!(consumer.look(), Ok(Look::NotBefore(Some(1000))));
    fixture.clock.advance(1);
    assert_eq!(consumer.look(), Ok(Look::Ready));
    fixture.clock.advance(-5);
    fixture.send(&["b"], 0);
    assert_eq!(consumer.look(), Ok(Look::Ready), "as many as a batch may hold");
}

#[test]
fn what_was_never_decided_is_delivered_again() {
    let fixture = Fixture::new();
    let rules = RetryRules { retries_max: 9, ..RetryRules::default() };
    let consumer = QueueConsumer::new(
        fixture.queue.clone(),
        ConsumerRules { retries: rules, ..fixture.consumer(1, 0).rules().clone() },
        fixture.clock.clone(),
    );
    fixture.send(&["a"], 0);
    let leased = block_on(consumer.lease()).unwrap().unwrap();
    assert_eq!(block_on(consumer.lease()).unwrap().map(|leased| leased.number), None);
    block_on(consumer.settle(leased)).unwrap();
    assert_eq!(fixture.lease(1).messages[0].attempts, 2);
}

#[test]
fn what_was_in_delivery_when_all_was_killed_can_be_had_at_once() {
    let fixture = Fixture::new();
    fixture.send(&["a"], 0);
    assert_eq!(fixture.lease(1).messages.len(), 1);
    let path = fixture.folder.path().join("queues.sqlite");
    let again = SqliteQueues::open(&path, fixture.clock.clone()).unwrap();
    again.recover().unwrap();
    let batch = block_on(again.queue("jobs").unwrap().lease(1, 1000).wait()).unwrap();
    assert_eq!((bodies(&batch), batch.messages[0].attempts), (vec!["a".to_owned()], 2));
}

#[test]
fn messages_that_are_too_old_are_gone() {
    let fixture = Fixture::new();
    fixture.send(&["a"], 0);
    fixture.clock.advance(limits::RETENTION_S - 1);
    fixture.send(&["b"], 0);
    let both = fixture.lease(9);
    assert_eq!(bodies(&both), ["a", "b"]);
    fixture.settle(both, Verdict::Retry(Some(0)), &RetryRules { retries_max: 9, ..RetryRules::default() });
    fixture.clock.advance(1);
    assert_eq!(bodies(&fixture.lease(9)), ["b"]);
}

#[test]
fn a_delivery_is_bounded_in_bytes() {
    let fixture = Fixture::new();
    let large = "x".repeat(limits::MESSAGE_MAX_BYTES);
    fixture.send(&[&large, &large, &large], 0);
    assert_eq!(fixture.lease(9).messages.len(), 2);
}

#[test]
fn a_handler_decides_once() {
    let decided = Disposition { ack_all: true, ..Disposition::default() };
    let call = |number| postcard_of(&wire::Settle { number, disposition: decided.clone() });
    let fixture = Fixture::new();
    let consumer = fixture.consumer(1, 0);
    fixture.send(&["a"], 0);
    let leased = block_on(consumer.lease()).unwrap().unwrap();
    assert!(settle(&consumer, &call(leased.number)).is_ok());
    assert!(settle(&consumer, &call(leased.number)).is_err());
    assert!(settle(&consumer, &call(leased.number + 1)).is_err());
    block_on(consumer.settle(leased)).unwrap();
    assert_eq!(fixture.queue.metrics().unwrap().backlog_count, 0);
}

fn postcard_of(settle: &wire::Settle) -> Vec<u8> {
    postcard::to_allocvec(settle).unwrap()
}

fn settle(consumer: &QueueConsumer, params: &[u8]) -> Result<(), String> {
    let call = consumer.call(Call { method: "settle", params, bodies: vec![] });
    block_on(call.wait()).map(drop).map_err(|error| error.to_string())
}

#[test]
fn what_waits_is_seen_without_being_taken() {
    let fixture = Fixture::new();
    fixture.send(&["first"], 0);
    fixture.clock.advance(1);
    fixture.send(&[&"x".repeat(5000)], 60);
    let _delivering = fixture.lease(1);
    let seen = fixture.queue.peek(10).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].beginning.as_slice(), seen[0].is_leased, seen[0].attempts), (&b"first"[..], true, 1));
    assert_eq!((seen[1].size, seen[1].beginning.len(), seen[1].is_leased), (5000, 4096, false));
    assert_eq!(seen[1].ready_ms - seen[1].sent_ms, 60_000);
    assert_eq!(fixture.queue.peek(1).unwrap().len(), 1);
}

#[test]
fn a_delayed_message_is_delivered_now_or_removed() {
    let fixture = Fixture::new();
    fixture.send(&["now", "never"], 60);
    let ids: Vec<String> = fixture.queue.peek(2).unwrap().into_iter().map(|seen| seen.id).collect();
    assert!(fixture.lease(2).messages.is_empty());
    assert!(fixture.queue.deliver_now(&ids[0]).unwrap());
    assert_eq!(bodies(&fixture.lease(2)), ["now"]);
    assert!(!fixture.queue.deliver_now(&ids[0]).unwrap(), "it is being delivered");
    assert!(fixture.queue.remove(&ids[1]).unwrap());
    assert!(!fixture.queue.remove(&ids[1]).unwrap());
    assert_eq!(fixture.queue.metrics().unwrap().backlog_count, 1);
    assert_eq!(fixture.queue.metrics().unwrap().backlog_bytes, 3);
}
