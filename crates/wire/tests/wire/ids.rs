//! Tables of what is open.

use std::collections::BTreeSet;

use hognose_wire::limits::{CALLS_MAX, STREAMS_MAX};
use hognose_wire::{Accepted, CallId, Full, InvocationId, Opened, Side, StreamId, Violation};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn open_numbers_are_distinct_and_find_their_values(steps in vec(any::<Option<prop::sample::Index>>(), 0..300)) {
        let mut opened = Opened::<CallId, usize>::calls();
        let mut model: Vec<(CallId, usize)> = Vec::new();
        for (value, step) in steps.into_iter().enumerate() {
            match step {
                Some(index) if !model.is_empty() => {
                    let (number, value) = model.remove(index.index(model.len()));
                    prop_assert_eq!(opened.close(number), Ok(value));
                    let gone = Violation::NotOpen { what: "call", number: number.0 };
                    prop_assert_eq!(opened.close(number), Err(gone));
                }
                _ => model.push((opened.open(value).unwrap(), value)),
            }
            prop_assert_eq!(opened.len(), model.len());
            prop_assert_eq!(model.iter().map(|(number, _)| number).collect::<BTreeSet<_>>().len(), model.len());
            prop_assert!(model.iter().all(|(number, value)| opened.get(*number) == Some(value)));
        }
    }
}

#[test]
fn calls_are_opened_to_the_limit_and_no_further() {
    let mut opened = Opened::<CallId, ()>::calls();
    let numbers: Vec<CallId> = (0..CALLS_MAX).map(|_| opened.open(()).unwrap()).collect();
    assert_eq!(opened.open(()), Err(Full { what: "call", limit: CALLS_MAX }));
    opened.close(numbers[7]).unwrap();
    assert!(opened.open(()).is_ok());
}

#[test]
fn streams_are_accepted_to_the_limit_and_no_further() {
    let mut accepted = Accepted::<StreamId, ()>::new();
    for number in 0..STREAMS_MAX as u32 {
        accepted.accept(StreamId(2 * number), ()).unwrap();
    }
    let past = accepted.accept(StreamId(1 << 20), ());
    assert_eq!(past, Err(Violation::TooMany { what: "stream", count: STREAMS_MAX + 1, limit: STREAMS_MAX }));
    assert_eq!(accepted.remove(StreamId(0)), Some(()));
    assert_eq!(accepted.accept(StreamId(1 << 20), ()), Ok(()));
}

#[test]
fn a_number_in_use_is_not_accepted_again() {
    let mut accepted = Accepted::<InvocationId, &str>::new();
    accepted.accept(InvocationId(5), "first").unwrap();
    let again = accepted.accept(InvocationId(5), "second");
    assert_eq!(again, Err(Violation::InUse { what: "invocation", number: 5 }));
    assert_eq!(accepted.close(InvocationId(5)), Ok("first"));
    assert_eq!(accepted.accept(InvocationId(5), "third"), Ok(()));
}

#[test]
fn each_side_numbers_its_streams_by_its_own_parity() {
    for side in [Side::Supervisor, Side::Cell] {
        let mut opened = Opened::<StreamId, ()>::streams(side);
        assert!((0..100).all(|_| opened.open(()).unwrap().writer() == side));
    }
}

#[test]
fn a_number_just_closed_is_not_used_next() {
    let mut opened = Opened::<StreamId, ()>::streams(Side::Cell);
    let first = opened.open(()).unwrap();
    opened.close(first).unwrap();
    assert_ne!(opened.open(()), Ok(first));
}

#[test]
fn draining_closes_everything() {
    let mut opened = Opened::<CallId, u8>::calls();
    opened.open(1).unwrap();
    opened.open(2).unwrap();
    let mut values: Vec<u8> = opened.drain().map(|(_, value)| value).collect();
    values.sort_unstable();
    assert_eq!((values, opened.is_empty()), (vec![1, 2], true));
}
