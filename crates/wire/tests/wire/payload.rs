//! Parameters and results as bytes.

use hognose_wire::ProtocolError;
use hognose_wire::payload::{pack, unpack, unpack_first};

#[test]
fn values_follow_each_other() {
    let bytes = [pack(&(1_u32, "one")), pack(&"two")].concat();
    let ((number, text), rest) = unpack_first::<(u32, &str)>(&bytes).expect("a value");
    assert_eq!((number, text, unpack(rest)), (1, "one", Ok("two")));
}

#[test]
fn what_spells_no_value_is_refused() {
    let mut bytes = pack(&"two");
    bytes.pop();
    assert!(matches!(unpack::<&str>(&bytes), Err(ProtocolError::Malformed(_))));
    assert!(matches!(unpack_first::<&str>(&[]), Err(ProtocolError::Malformed(_))));
}
