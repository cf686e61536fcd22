//! Both halves of a capability table, joined by two queues as on a connection.

use std::collections::{BTreeMap, VecDeque};

use hognose_wire::limits::CAPS_MAX;
use hognose_wire::{CapId, Exports, Full, Imports, Violation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// What can happen between a host and a holder, each with its own half of the table and frames on the way.
#[derive(Clone, Debug)]
enum Step {
    HostSendsNew,
    HostSendsAgain(Index),
    HolderReads,
    HolderForgets(Index),
    HostReads,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::HostSendsNew),
        any::<Index>().prop_map(Step::HostSendsAgain),
        Just(Step::HolderReads),
        any::<Index>().prop_map(Step::HolderForgets),
        Just(Step::HostReads),
    ]
}

#[derive(Default)]
struct Connection {
    exports: Exports<usize>,
    imports: Imports,
    to_holder: VecDeque<CapId>,
    to_host: VecDeque<(CapId, u32)>,
    /// The value of each number in use: as long as anyone holds it or a frame names it.
    model: BTreeMap<CapId, usize>,
    values: usize,
}

impl Connection {
    fn host_sends_new(&mut self) {
        let cap = self.exports.insert(self.values).unwrap();
        assert!(self.model.insert(cap, self.values).is_none(), "a number in use was given out again");
        self.values += 1;
        self.to_holder.push_back(cap);
    }

    fn host_sends_again(&mut self, index: Index) {
        if !self.model.is_empty() {
            let cap = *self.model.keys().nth(index.index(self.model.len())).unwrap();
            assert!(self.exports.add_reference(cap));
            self.to_holder.push_back(cap);
        }
    }

    fn holder_reads(&mut self) {
        if let Some(cap) = self.to_holder.pop_front() {
            self.imports.receive(cap).unwrap();
        }
    }

    fn holder_forgets(&mut self, index: Index) {
        let held: Vec<CapId> = self.model.keys().copied().filter(|cap| self.imports.held(*cap) > 0).collect();
        if !held.is_empty() {
            let cap = held[index.index(held.len())];
            let count = self.imports.forget(cap).unwrap();
            self.to_host.push_back((cap, count));
        }
    }

    fn host_reads(&mut self) {
        if let Some((cap, count)) = self.to_host.pop_front()
            && let Some(value) = self.exports.release(cap, count).unwrap()
        {
            assert_eq!(self.model.remove(&cap), Some(value));
        }
    }

    fn check(&self) {
        for (cap, value) in &self.model {
            let named = self.to_holder.contains(cap) || self.to_host.iter().any(|(given, _)| given == cap);
            assert!(named || self.imports.held(*cap) > 0, "a value outlived its last reference");
            assert_eq!(self.exports.get(*cap), Ok(value));
        }
        assert_eq!(self.exports.counted(), self.model.len());
    }
}

proptest! {
    #[test]
    fn a_value_lives_as_long_as_it_is_held_or_named(steps in vec(step(), 0..200)) {
        let mut connection = Connection::default();
        for step in steps {
            match step {
                Step::HostSendsNew => connection.host_sends_new(),
                Step::HostSendsAgain(index) => connection.host_sends_again(index),
                Step::HolderReads => connection.holder_reads(),
                Step::HolderForgets(index) => connection.holder_forgets(index),
                Step::HostReads => connection.host_reads(),
            }
            connection.check();
        }
    }
}

#[test]
fn giving_back_more_than_was_handed_out_is_a_violation() {
    let mut exports = Exports::new();
    let cap = exports.insert("value").unwrap();
    assert!(exports.add_reference(cap));
    assert_eq!(exports.release(cap, 3), Err(Violation::OverRelease { cap, count: 3, held: 2 }));
    assert_eq!(exports.release(cap, 2), Ok(Some("value")));
    assert_eq!(exports.release(cap, 1), Err(Violation::UnknownCap(cap)));
    assert_eq!(exports.get(cap), Err(Violation::UnknownCap(cap)));
    assert!(!exports.add_reference(cap));
}

#[test]
fn a_pinned_capability_outlives_every_release() {
    let mut exports = Exports::new();
    exports.pin(CapId::ROOT, "root");
    exports.pin(CapId(1), "env.FOO");
    assert!(exports.add_reference(CapId(1)));
    assert_eq!(exports.release(CapId(1), 9), Ok(None));
    assert_eq!(exports.get(CapId(1)), Ok(&"env.FOO"));
    assert_eq!((exports.insert("new"), exports.counted()), (Ok(CapId(2)), 1));
}

#[test]
fn exports_are_hosted_to_the_limit_and_no_further() {
    let mut exports = Exports::new();
    exports.pin(CapId::ROOT, 0);
    let caps: Vec<CapId> = (0..CAPS_MAX).map(|value| exports.insert(value).unwrap()).collect();
    assert_eq!(exports.insert(0), Err(Full { what: "capability", limit: CAPS_MAX }));
    let promised = exports.insert_promise(CapId::FIRST_PROMISE, 0);
    assert_eq!(
        promised,
        Err(Violation::TooMany { what: "capability", count: CAPS_MAX + 1, limit: CAPS_MAX })
    );
    exports.release(caps[3], 1).unwrap();
    assert_eq!(exports.insert_promise(CapId::FIRST_PROMISE, 0), Ok(()));
}

#[test]
fn imports_are_held_to_the_limit_and_no_further() {
    let mut imports = Imports::new();
    for cap in 0..CAPS_MAX as u32 {
        imports.receive(CapId(cap)).unwrap();
    }
    assert_eq!(imports.receive(CapId(0)), Ok(()));
    assert_eq!(imports.held(CapId(0)), 2);
    let past = imports.receive(CapId(CAPS_MAX as u32));
    assert_eq!(past, Err(Violation::TooMany { what: "capability", count: CAPS_MAX + 1, limit: CAPS_MAX }));
    assert_eq!(imports.promise(), Err(Full { what: "capability", limit: CAPS_MAX }));
    assert_eq!(imports.forget(CapId(0)), Some(2));
    assert_eq!(imports.forget(CapId(0)), None);
    assert!(imports.promise().is_ok());
}

#[test]
fn a_promise_is_numbered_by_its_holder_and_released_like_any_capability() {
    let (mut imports, mut exports) = (Imports::new(), Exports::new());
    let first = imports.promise().unwrap();
    let second = imports.promise().unwrap();
    assert!(first.is_promise() && second.is_promise() && first != second);
    exports.insert_promise(first, "result").unwrap();
    assert_eq!(
        exports.insert_promise(first, "other"),
        Err(Violation::InUse { what: "capability", number: first.0 })
    );
    assert_eq!(exports.insert_promise(CapId(4), "other"), Err(Violation::MisplacedPromise(CapId(4))));
    assert_eq!(imports.receive(first), Err(Violation::MisplacedPromise(first)));
    let count = imports.forget(first).unwrap();
    assert_eq!(exports.release(first, count), Ok(Some("result")));
}
