//! Messages to bytes and back.

use hognose_wire::limits::{BODIES_PER_VALUE_MAX, CAPS_PER_VALUE_MAX, FRAME_MAX, HEADERS_MAX, PATH_MAX, cut};
use hognose_wire::{
    Access, Body, CallId, CapId, CapRef, Decoder, EncodeError, Envelope, Event, Frame, HttpRequest,
    InvocationId, Payload, ProtocolError, StreamId, WriteSeq, decode, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::arbitrary::envelope;

proptest! {
    #[test]
    fn every_frame_comes_back_as_it_was(message in envelope()) {
        let mut bytes = b"before".to_vec();
        encode(&message, &mut bytes).unwrap();
        prop_assert_eq!(&bytes[..6], b"before");
        prop_assert_eq!(decode::<Envelope>(&bytes[10..]).unwrap(), message);
    }

    #[test]
    fn frames_cut_anywhere_come_back_in_order(messages in vec(envelope(), 1..8), cuts in vec(1..5000_usize, 1..20)) {
        let mut bytes = Vec::new();
        messages.iter().try_for_each(|message| encode(message, &mut bytes)).unwrap();
        let mut decoder = Decoder::new();
        let mut rest = &bytes[..];
        let mut came = 0;
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            decoder.push(piece);
            rest = after;
            while let Some(message) = decoder.next::<Envelope>().unwrap() {
                prop_assert_eq!(&message, &messages[came]);
                came += 1;
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(came, messages.len());
        prop_assert_eq!(decoder.pending(), 0);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..2000)) {
        let _ = decode::<Envelope>(&bytes);
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next::<Envelope>() {}
        prop_assert!(decoder.pending() <= bytes.len());
    }

    #[test]
    fn damaged_frames_are_read_or_refused(message in envelope(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = Vec::new();
        encode(&message, &mut bytes).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next::<Envelope>() {}
    }

    #[test]
    fn a_cut_text_fits_and_stays_text(text in "\\PC*", bytes_max in 20..200_usize) {
        let short = cut(&text, bytes_max);
        prop_assert!(short.len() <= bytes_max);
        prop_assert_eq!(text.len() <= bytes_max, short == text);
    }
}

fn wrapped(frame: Frame) -> Envelope {
    Envelope { after: WriteSeq(0), frame }
}

fn data(bytes: &[u8]) -> Envelope<'_> {
    wrapped(Frame::StreamData { stream: StreamId(0), bytes })
}

fn encoded(message: &Envelope) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).unwrap();
    bytes
}

/// What a frame of stream data has beside the data: sequence, variant, stream, and a length of three bytes.
const DATA_OVERHEAD: usize = 6;

#[test]
fn a_frame_may_be_as_large_as_the_limit_and_no_larger() {
    let largest = vec![7; FRAME_MAX - DATA_OVERHEAD];
    let bytes = encoded(&data(&largest));
    assert_eq!(bytes.len(), 4 + FRAME_MAX);
    let mut decoder = Decoder::new();
    decoder.push(&bytes);
    assert_eq!(decoder.next().unwrap(), Some(data(&largest)));

    let mut out = b"before".to_vec();
    let too_large = vec![7; FRAME_MAX - DATA_OVERHEAD + 1];
    assert_eq!(encode(&data(&too_large), &mut out), Err(EncodeError::TooLarge { size: FRAME_MAX + 1 }));
    assert_eq!(out, b"before");
}

#[test]
fn a_length_past_the_limit_is_refused_before_its_bytes_come() {
    let mut decoder = Decoder::new();
    decoder.push(&(FRAME_MAX as u32 + 1).to_le_bytes());
    assert_eq!(decoder.next::<Envelope>(), Err(ProtocolError::TooLarge { size: FRAME_MAX + 1 }));

    let mut decoder = Decoder::new();
    decoder.push(&(FRAME_MAX as u32).to_le_bytes());
    assert_eq!(decoder.next::<Envelope>(), Ok(None));
}

#[test]
fn bytes_behind_a_message_are_refused() {
    let mut bytes = encoded(&data(b"x")).split_off(4);
    bytes.push(0);
    assert!(matches!(decode::<Envelope>(&bytes), Err(ProtocolError::Malformed(_))));
}

#[test]
fn lists_are_read_to_their_limit_and_no_further() {
    let caps = |count| call(Payload { caps: vec![CapRef::Sender(CapId(1)); count], ..Payload::default() }, 0);
    let bodies = |count| call(Payload { bodies: vec![Body::None; count], ..Payload::default() }, 0);
    let path = |count| call(Payload::default(), count);
    check_list(CAPS_PER_VALUE_MAX, caps);
    check_list(BODIES_PER_VALUE_MAX, bodies);
    check_list(PATH_MAX, path);
    check_list(HEADERS_MAX, headers);
}

fn check_list(limit: usize, message: impl Fn(usize) -> Envelope<'static>) {
    let at_limit = encoded(&message(limit));
    assert_eq!(decode::<Envelope>(&at_limit[4..]).unwrap(), message(limit));
    let past_limit = encoded(&message(limit + 1));
    assert!(matches!(decode::<Envelope>(&past_limit[4..]), Err(ProtocolError::Malformed(_))));
}

fn call(params: Payload<'static>, path: usize) -> Envelope<'static> {
    let access = Access { path: vec!["p"; path], ..Access::default() };
    let target = CapRef::Receiver(CapId(1));
    wrapped(Frame::Call { call: CallId(1), invocation: None, target, method: "get", access, params })
}

fn headers(count: usize) -> Envelope<'static> {
    let request = HttpRequest {
        method: "GET",
        url: "",
        headers: vec![("a", b"b"); count],
        cf: "",
        follow_redirects: false,
        body: Body::None,
    };
    wrapped(Frame::Invoke {
        invocation: InvocationId(1),
        entrypoint: None,
        object: None,
        props: Payload::default(),
        event: Event::Fetch(request),
    })
}

#[test]
fn a_list_that_only_announces_its_length_takes_no_memory() {
    // Sequence 0, `Call`, number 0, no invocation, target, no method; then a path of 2^32 - 1 properties.
    let announced = [0, 5, 0, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(matches!(decode::<Envelope>(&announced), Err(ProtocolError::Malformed(_))));
}

#[test]
fn an_idle_decoder_lets_go_of_what_a_large_frame_took() {
    let mut decoder = Decoder::new();
    decoder.push(&encoded(&data(&vec![7; FRAME_MAX - DATA_OVERHEAD])));
    assert!(decoder.next::<Envelope>().unwrap().is_some());
    assert!(decoder.buffer().capacity() <= 256 << 10);
}

#[test]
fn a_decoder_that_never_runs_dry_does_not_grow() {
    let mut decoder = Decoder::new();
    let frame = encoded(&data(&vec![7; 60_000]));
    decoder.push(&frame[..100]);
    for _ in 0..100 {
        decoder.push(&frame[100..]);
        decoder.push(&frame[..100]);
        while decoder.next::<Envelope>().unwrap().is_some() {}
        assert_eq!(decoder.pending(), 100);
    }
    assert!(decoder.buffer().capacity() < 512 << 10);
}
