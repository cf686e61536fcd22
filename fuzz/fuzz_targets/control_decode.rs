//! Bytes from a template, and to one: they are read or refused, and what was read can be written.

#![no_main]

use hognose_wire::control::{Order, Report};
use hognose_wire::{decode, encode};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|bytes: &[u8]| {
    check::<Report>(bytes);
    let _ = decode::<Report>(bytes).map(|report| report.check());
    check::<Order>(bytes);
});

fn check<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(message) = decode::<T>(bytes) else { return };
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    encode(&message, &mut once).expect("what was read is small enough to be written");
    let again: T = decode(&once[4..]).expect("what was written can be read");
    encode(&again, &mut twice).expect("it could be written before");
    assert_eq!(once, twice);
}
