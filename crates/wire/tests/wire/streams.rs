//! Credit, seen from both ends.

use std::collections::VecDeque;

use hognose_wire::limits::{CHUNK_MAX, FRAGMENT_COST, MESSAGE_MAX, STREAM_WINDOW};
use hognose_wire::{
    IncomingStream, Message, MessageAssembler, MessageKind, OutgoingStream, QueueFull, Violation,
};
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

    #[test]
    fn fragments_make_the_message_again(parts in vec(vec(any::<u8>(), 0..50), 1..6)) {
        let mut assembler = MessageAssembler::new();
        let (last, begun) = parts.split_last().unwrap();
        for part in begun {
            prop_assert_eq!(assembler.push(MessageKind::Binary, false, part), Ok(None));
        }
        let message = assembler.push(MessageKind::Binary, true, last).unwrap().unwrap();
        prop_assert_eq!(message.bytes.as_ref(), parts.concat());
        prop_assert!(!assembler.is_within_message());
    }
}

#[test]
fn nothing_flows_before_the_first_grant() {
    let mut writer = OutgoingStream::new(100);
    writer.enqueue(10).unwrap();
    assert_eq!((writer.take(), writer.take_fragment(10), writer.take_fragment(0)), (0, None, None));
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
fn a_fragment_costs_its_bytes_and_the_fee() {
    let fee = FRAGMENT_COST as usize;
    let mut writer = OutgoingStream::new(100);
    writer.enqueue(10).unwrap();
    writer.grant(FRAGMENT_COST).unwrap();
    assert_eq!(writer.take_fragment(10), None);
    writer.grant(4).unwrap();
    assert_eq!((writer.take_fragment(10), writer.queued()), (Some(4), 6));
    writer.grant(FRAGMENT_COST).unwrap();
    assert_eq!(writer.take_fragment(0), Some(0));

    let mut reader = IncomingStream::new(2 * FRAGMENT_COST + 3);
    reader.grant().unwrap();
    assert_eq!(reader.receive_fragment(3), Ok(()));
    assert_eq!(
        reader.receive_fragment(1),
        Err(Violation::BeyondCredit { cost: fee + 1, credit: FRAGMENT_COST })
    );
    assert_eq!(reader.receive_fragment(0), Ok(()));
    reader.read_fragment(3);
    assert_eq!(reader.grant(), Some(FRAGMENT_COST + 3));
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

#[test]
fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
    let half = vec![0; MESSAGE_MAX / 2];
    let mut assembler = MessageAssembler::new();
    assert_eq!(assembler.push(MessageKind::Binary, false, &half), Ok(None));
    let whole = assembler.push(MessageKind::Binary, true, &half).unwrap().unwrap();
    assert_eq!(whole.bytes.len(), MESSAGE_MAX);

    assembler.push(MessageKind::Binary, false, &half).unwrap();
    assembler.push(MessageKind::Binary, false, &half).unwrap();
    let past = assembler.push(MessageKind::Binary, true, &[0]);
    assert_eq!(past, Err(Violation::TooLong { what: "message", size: MESSAGE_MAX + 1, limit: MESSAGE_MAX }));
}

#[test]
fn text_may_be_cut_within_a_character_but_must_be_text_as_a_whole() {
    let (text, mut assembler) = ("é".as_bytes(), MessageAssembler::new());
    assert_eq!(assembler.push(MessageKind::Text, false, &text[..1]), Ok(None));
    assert!(assembler.is_within_message());
    let whole = Message { kind: MessageKind::Text, bytes: text.into() };
    assert_eq!(assembler.push(MessageKind::Text, true, &text[1..]), Ok(Some(whole)));
    assert_eq!(assembler.push(MessageKind::Text, true, &text[1..]), Err(Violation::NotText));
}

#[test]
fn fragments_of_one_message_are_of_one_kind() {
    let mut assembler = MessageAssembler::new();
    assembler.push(MessageKind::Text, false, b"a").unwrap();
    assert_eq!(assembler.push(MessageKind::Binary, true, b"b"), Err(Violation::MixedMessage));
}
