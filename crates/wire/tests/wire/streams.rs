//! Credit, seen from both ends.

use std::collections::VecDeque;

use hognose_wire::limits::{CHUNK_MAX, STREAM_WINDOW};
use hognose_wire::{IncomingStream, OutgoingStream, QueueFull, Violation};
use proptest::collection::vec;
use proptest::prelude::*;

/// One stream between its two ends, with frames on the way.
struct Stream {
    writer: OutgoingStream,
    reader: IncomingStream,
    data: VecDeque<usize>,
    credit: VecDeque<u32>,
}

impl Stream {
    fn new(window: u32) -> Self {
        let (data, credit) = (VecDeque::new(), VecDeque::new());
        Self { writer: OutgoingStream::new(1 << 20), reader: IncomingStream::new(window), data, credit }
    }

    /// The reader reads what came, and asks for more.
    fn read(&mut self) -> usize {
        let bytes = self.reader.unread();
        self.reader.read(bytes);
        self.credit.extend(self.reader.grant());
        bytes
    }

    fn write(&mut self) {
        match self.writer.take() {
            0 => {}
            bytes => self.data.push_back(bytes),
        }
    }

    /// Delivers what is on the way; the reader never has more than its window.
    fn deliver(&mut self, window: u32) {
        for bytes in self.data.drain(..) {
            self.reader.receive(bytes).unwrap();
        }
        for bytes in self.credit.drain(..) {
            self.writer.grant(bytes).unwrap();
        }
        assert!(self.reader.unread() <= window as usize);
    }
}

proptest! {
    #[test]
    fn everything_written_arrives_within_the_window(total in 0..300_000_usize, window in 1..100_000_u32) {
        let mut stream = Stream::new(window);
        stream.writer.enqueue(total).unwrap();
        let (mut came, mut rounds) = (0, 0);
        while came < total {
            came += stream.read();
            stream.deliver(window);
            stream.write();
            stream.deliver(window);
            rounds += 1;
            prop_assert!(rounds <= 4 + 2 * total, "no progress");
        }
        prop_assert_eq!(came, total);
        prop_assert_eq!(stream.writer.take(), 0);
    }

    #[test]
    fn a_writer_never_sends_more_than_it_may(
        grants in vec(0..200_000_u32, 0..10),
        queued in 0..500_000_usize,
    ) {
        let mut writer = OutgoingStream::new(1 << 20);
        writer.enqueue(queued).unwrap();
        let mut sent = 0;
        for grant in &grants {
            writer.grant(*grant).unwrap();
            let bytes = writer.take();
            prop_assert!(bytes <= CHUNK_MAX);
            sent += bytes;
            prop_assert_eq!(writer.queued(), queued - sent);
        }
        prop_assert!(sent <= grants.iter().map(|grant| *grant as usize).sum());
    }
}

#[test]
fn nothing_flows_before_the_first_grant() {
    let mut writer = OutgoingStream::new(100);
    writer.enqueue(10).unwrap();
    assert_eq!(writer.take(), 0);
    let mut reader = IncomingStream::default();
    assert_eq!(reader.receive(1), Err(Violation::BeyondCredit { cost: 1, credit: 0 }));
}

#[test]
fn a_reader_takes_its_window_and_no_byte_more() {
    let mut reader = IncomingStream::default();
    assert_eq!(reader.grant(), Some(STREAM_WINDOW));
    assert_eq!(reader.grant(), None);
    assert_eq!(reader.receive(STREAM_WINDOW as usize), Ok(()));
    assert_eq!(reader.receive(1), Err(Violation::BeyondCredit { cost: 1, credit: 0 }));
    assert_eq!(reader.receive(usize::MAX), Err(Violation::BeyondCredit { cost: usize::MAX, credit: 0 }));
}

#[test]
fn credit_is_granted_by_half_windows() {
    let mut reader = IncomingStream::new(100);
    assert_eq!(reader.grant(), Some(100));
    reader.receive(60).unwrap();
    reader.read(49);
    assert_eq!(reader.grant(), None);
    reader.read(1);
    assert_eq!(reader.grant(), Some(50));
}

#[test]
fn a_queue_fills_to_its_limit_and_no_further() {
    let mut writer = OutgoingStream::new(100);
    assert_eq!(writer.enqueue(100), Ok(()));
    assert_eq!((writer.enqueue(1), writer.room()), (Err(QueueFull { limit: 100 }), 0));
    assert_eq!(writer.enqueue(usize::MAX), Err(QueueFull { limit: 100 }));
    writer.grant(1).unwrap();
    assert_eq!((writer.take(), writer.room()), (1, 1));
}

#[test]
fn credit_beyond_counting_is_a_violation() {
    let mut writer = OutgoingStream::new(0);
    assert_eq!(writer.grant(u32::MAX), Ok(()));
    assert_eq!(writer.grant(1), Err(Violation::CreditOverflow));
}
