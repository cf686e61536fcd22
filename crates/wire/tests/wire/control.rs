//! The messages between supervisor and template.

use std::collections::BTreeMap;

use hognose_wire::control::{EnvEntry, Export, ExportKind, LoadFailure, Loaded, Order, Report, Role, Worker};
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
    check(&Order::Fork(Role::Zygote(worker)));
    check(&Order::Fork(Role::Isolate));
    let export =
        Export { name: "default".into(), kind: ExportKind::Entrypoint, methods: vec!["fetch".into()] };
    check(&Report::Ready(Loaded { exports: vec![export], ..Loaded::default() }));
    check(&Report::Failed(LoadFailure { message: "SyntaxError".into(), ..LoadFailure::default() }));
    check(&Report::Forked { pid: 7 });
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
