//! The messages between supervisor and template.

use std::collections::BTreeMap;

use hognose_wire::control::{EnvEntry, Export, ExportKind, LoadFailure, Loaded, Order, Report, Role, Worker};
use hognose_wire::limits::{ERROR_TEXT_MAX, EXPORTS_MAX, LOG_LINE_MAX, NAME_MAX, REMARKS_MAX};
use hognose_wire::{CapId, LogLevel, decode, encode};
use proptest::prelude::*;

#[test]
fn orders_and_reports_come_back_as_they_were() {
    let worker = Worker {
        name: "hello".into(),
        main: "index.py".into(),
        flags: BTreeMap::from([("python_workers".into(), true)]),
        env: vec![
            ("FOO".into(), EnvEntry::Binding { kind: "kv".into(), cap: CapId(3) }),
            ("BAR".into(), EnvEntry::Json("{}".into())),
        ],
        ..Worker::default()
    };
    check(&Order::Fork(Role::Packages(Box::new(worker.clone()))));
    check(&Order::Fork(Role::Zygote(Box::new(worker))));
    check(&Order::Fork(Role::Isolate));
    let export =
        Export { name: "default".into(), kind: ExportKind::Entrypoint, methods: vec!["fetch".into()] };
    check(&Report::Ready(Loaded { exports: vec![export], ..Loaded::default() }));
    check(&Report::Failed(LoadFailure { message: "SyntaxError".into(), ..LoadFailure::default() }));
    check(&Report::Forked { pid: 7 });
    check(&Report::Became);
    check(&Report::Log { level: LogLevel::Warn, text: "late".into() });
}

fn check<T>(message: &T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let mut bytes = Vec::new();
    encode(message, &mut bytes).unwrap();
    assert_eq!(&decode::<T>(&bytes[4..]).unwrap(), message);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let _ = decode::<Report>(&bytes);
        let _ = decode::<Order>(&bytes);
    }
}

/// `build(limit)` passes, `build(limit + 1)` does not.
fn check_limit(limit: usize, build: impl Fn(usize) -> Report) {
    assert_eq!(build(limit).check(), Ok(()));
    assert!(build(limit + 1).check().is_err(), "{limit}");
}

fn exporting(export: Export, count: usize) -> Report {
    Report::Ready(Loaded { exports: vec![export; count], ..Loaded::default() })
}

fn entrypoint(name: String, methods: Vec<String>) -> Export {
    Export { name, kind: ExportKind::Entrypoint, methods }
}

#[test]
fn bounds_of_reports_hold() {
    let text = |length| "x".repeat(length);
    let empty = || entrypoint(String::new(), vec![]);
    check_limit(LOG_LINE_MAX, |n| Report::Log { level: LogLevel::Info, text: text(n) });
    check_limit(ERROR_TEXT_MAX, |n| Report::ForkFailed { message: text(n) });
    check_limit(ERROR_TEXT_MAX, |n| {
        Report::Failed(LoadFailure { message: text(n), ..LoadFailure::default() })
    });
    check_limit(ERROR_TEXT_MAX, |n| {
        Report::Failed(LoadFailure { traceback: text(n), ..LoadFailure::default() })
    });
    check_limit(EXPORTS_MAX, |n| exporting(empty(), n));
    check_limit(EXPORTS_MAX, |n| exporting(entrypoint(String::new(), vec![String::new(); n]), 1));
    check_limit(NAME_MAX, |n| exporting(entrypoint(text(n), vec![]), 1));
    check_limit(NAME_MAX, |n| exporting(entrypoint(String::new(), vec![text(n)]), 1));
    check_limit(REMARKS_MAX, |n| {
        Report::Ready(Loaded { warnings: vec![String::new(); n], ..Loaded::default() })
    });
    check_limit(LOG_LINE_MAX, |n| Report::Ready(Loaded { unforkable: vec![text(n)], ..Loaded::default() }));
}
