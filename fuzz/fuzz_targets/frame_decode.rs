//! Bytes from a cell: they are read or refused, the same however they are cut, and what was read can be written.

#![no_main]

use hognose_wire::{Decoder, Envelope, ProtocolError, Side, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let (first, rest) = bytes.split_at((cut as usize).min(bytes.len()));
    let whole = read(&[bytes]);
    assert_eq!(whole, read(&[first, rest]));
});

/// All frames in `pieces`, written again, and how reading them ended.
fn read(pieces: &[&[u8]]) -> (Vec<u8>, Option<ProtocolError>) {
    let (mut decoder, mut written) = (Decoder::new(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next::<Envelope>() {
                Ok(Some(message)) => rewrite(&message, &mut written),
                Ok(None) => break,
                Err(error) => return (written, Some(error)),
            }
        }
    }
    (written, None)
}

fn rewrite(message: &Envelope, written: &mut Vec<u8>) {
    for side in [Side::Supervisor, Side::Cell] {
        let _ = message.frame.check(side);
        let _ = message.frame.check_synchronous(side);
    }
    let start = written.len();
    encode(message, written).expect("what was read is small enough to be written");
    let mut decoder = Decoder::new();
    decoder.push(&written[start..]);
    let again: Envelope = decoder.next().expect("what was written can be read").expect("it is whole");
    let mut twice = Vec::new();
    encode(&again, &mut twice).expect("it could be written before");
    assert_eq!(&written[start..], twice);
}
