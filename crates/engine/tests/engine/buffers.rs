//! Bytes in and out, and their end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hognose_engine::Context;

use crate::start;

#[test]
fn bytes_given_to_javascript_are_shared_not_copied() {
    let context = start();
    let bytes = vec![1, 2, 3];
    let address = bytes.as_ptr() as usize;
    let array = context.uint8_array(bytes).unwrap();
    assert_eq!(array.with_bytes(|bytes| bytes.as_ptr() as usize), Some(address));
    context.global().set("array", &array).unwrap();
    assert_eq!(context.eval("array[1] = 9; array.length", "b.js").unwrap().as_i32(), Some(3));
    assert_eq!(array.bytes().unwrap(), [1, 9, 3]);
}

#[test]
fn a_view_shows_only_its_part() {
    let context = start();
    let bytes = |source| context.eval(source, "view.js").unwrap().bytes();
    context.eval("globalThis.buffer = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7).buffer", "view.js").unwrap();
    assert_eq!(bytes("buffer").unwrap().len(), 8);
    assert_eq!(bytes("new Uint8Array(buffer, 2, 3)").unwrap(), [2, 3, 4]);
    assert_eq!(bytes("new Uint16Array(buffer, 2, 2)").unwrap(), [2, 3, 4, 5]);
    assert_eq!(bytes("new DataView(buffer, 5, 2)").unwrap(), [5, 6]);
    assert_eq!(bytes("new DataView(buffer, 5)").unwrap(), [5, 6, 7]);
    assert_eq!(bytes("new Uint8Array(new SharedArrayBuffer(2))").unwrap(), [0, 0]);
    assert_eq!(bytes("new SharedArrayBuffer(3)").unwrap(), [0, 0, 0]);
    assert_eq!(bytes("new ArrayBuffer(0)").unwrap(), []);
    for other in ["({})", "[1, 2]", "'text'", "undefined", "({ buffer, byteLength: 3, byteOffset: 0 })"] {
        assert_eq!(bytes(other), None, "{other}");
    }
}

#[test]
fn a_view_that_lies_stays_in_bounds() {
    let context = start();
    let source = "const v = new DataView(new ArrayBuffer(4));
        Object.defineProperty(v, 'byteOffset', { value: 3 });
        Object.defineProperty(v, 'byteLength', { value: 1e18 });
        v";
    assert_eq!(context.eval(source, "lie.js").unwrap().bytes().unwrap(), []);
}

#[test]
fn detached_and_shrunk_buffers_are_empty() {
    let context = start();
    let array = context.uint8_array(vec![7; 5]).unwrap();
    context.global().set("array", &array).unwrap();
    let moved = context.eval("array.buffer.transfer()", "move.js").unwrap();
    assert_eq!((array.bytes().unwrap(), array.byte_length()), (vec![], Some(0)));
    assert_eq!(moved.bytes().unwrap(), [7; 5]);
    let shrunk = "const b = new ArrayBuffer(8, { maxByteLength: 16 }); const v = new Uint8Array(b, 4, 4); b.resize(5); v";
    assert_eq!(context.eval(shrunk, "shrink.js").unwrap().byte_length(), Some(0));
}

#[test]
fn a_handed_over_buffer_can_grow_and_shrink() {
    let context = start();
    context.global().set("buffer", &context.array_buffer(vec![1, 2, 3]).unwrap()).unwrap();
    let grown = context.eval("globalThis.grown = buffer.transfer(100_000)", "grow.js").unwrap();
    assert_eq!(grown.byte_length(), Some(100_000));
    assert_eq!(&grown.bytes().unwrap()[..5], [1, 2, 3, 0, 0]);
    assert_eq!(context.eval("grown.transfer(2)", "shrink.js").unwrap().bytes().unwrap(), [1, 2]);
    assert_eq!(
        context
            .array_buffer(vec![1])
            .unwrap()
            .call_method("transfer", &[context.number(0)])
            .unwrap()
            .byte_length(),
        Some(0)
    );
}

#[test]
fn writing_stops_at_the_end() {
    let context = start();
    let buffer = context.array_buffer(vec![0; 3]).unwrap();
    assert_eq!(buffer.write_bytes(&[1, 2]).unwrap(), Some(2));
    assert_eq!(buffer.bytes().unwrap(), [1, 2, 0]);
    assert_eq!(buffer.write_bytes(&[9; 10]).unwrap(), Some(3));
    assert_eq!(context.object().unwrap().write_bytes(&[1]).unwrap(), None);
    let immutable = buffer.call_method("transferToImmutable", &[]).unwrap();
    assert!(immutable.write_bytes(&[1]).is_err());
    assert_eq!(immutable.bytes().unwrap(), [9; 3]);
}

#[test]
fn the_longest_buffer_is_two_gigabytes_less_one() {
    let context = start();
    // Zeroed pages are not touched, so this costs address space only.
    assert!(context.array_buffer(vec![0; (1 << 31) - 1]).is_ok());
    let thrown = context.array_buffer(vec![0; 1 << 31]).unwrap_err();
    assert_eq!(thrown.to_string(), "RangeError: invalid array buffer length");
}

#[test]
fn javascript_is_out_of_reach_while_bytes_are_lent() {
    let context = start();
    let array = context.uint8_array(vec![1]).unwrap();
    let reach = || array.with_bytes(|_| Context::current().is_some());
    assert!(catch_unwind(AssertUnwindSafe(reach)).is_err());
    assert_eq!(Context::current(), Some(context), "and in reach again afterwards");
}
