//! Ids of Durable Objects: the first half is random, or made of a name; the second half shows that the id was made for
//! its namespace. Both are what Cloudflare's runtime makes of the same namespace and name.

use std::fmt::Write;

use hognose_engine::{Context, Result, Value};
use hognose_wire::objects::ObjectId;
use hognose_wire::{Access, CapId};
use sha2::{Digest, Sha256};

use crate::random::Random;

/// The bytes of either half.
const HALF: usize = 16;
/// How many bytes SHA-256 takes at a time.
const BLOCK: usize = 64;

/// What a call is made on, as the stubs of `js/objects.js` write it: a capability's number, and where it is a namespace's
/// the object's digits and perhaps its name.
pub(crate) struct Target<'a> {
    pub(crate) cap: CapId,
    object: Option<ObjectId<'a>>,
}

impl<'a> Target<'a> {
    /// What is no object.
    pub(crate) fn of(cap: CapId) -> Self {
        Self { cap, object: None }
    }

    pub(crate) fn parse(text: &'a str) -> Self {
        let mut parts = text.splitn(3, ' ');
        // Numbers that are none lead nowhere, which the supervisor says.
        let cap = CapId(parts.next().and_then(|number| number.parse().ok()).unwrap_or_default());
        let object = parts.next().map(|digits| ObjectId { digits, name: parts.next() });
        Self { cap, object }
    }

    pub(crate) fn access(&self) -> Access<'a> {
        Access { object: self.object, ..Access::default() }
    }
}

/// The natives that make and judge ids.
pub(super) fn natives(context: Context) -> Result<Value> {
    let natives = context.object()?;
    natives.define_method("uniqueId", 1, |context, _this, arguments| {
        let mut half = [0; HALF];
        Random::fill(&mut half);
        context.string(&digits(&key(arguments)?, &half))
    })?;
    natives.define_method("idFromName", 2, |context, _this, arguments| {
        let key = key(arguments)?;
        let half = first_half(&authenticate(&key, arguments[1].to_js_string()?.as_bytes()));
        context.string(&digits(&key, &half))
    })?;
    natives.define_method("ownsId", 2, |context, _this, arguments| {
        let id = arguments[1].to_js_string()?;
        let half = bytes_of(&id);
        Ok(context
            .boolean(half.is_some_and(|half| key(arguments).is_ok_and(|key| digits(&key, &half) == id))))
    })?;
    natives.define_method("target", 3, |context, _this, arguments| {
        let (cap, digits) = (arguments[0].to_js_string()?, arguments[1].to_js_string()?);
        let name = arguments[2].as_string().map_or(String::new(), |name| format!(" {name}"));
        context.string(&format!("{cap} {digits}{name}"))
    })?;
    Ok(natives)
}

fn key(arguments: &[Value]) -> Result<[u8; 32]> {
    Ok(Sha256::digest(arguments[0].to_js_string()?).into())
}

fn digits(key: &[u8; 32], half: &[u8; HALF]) -> String {
    let proof = first_half(&authenticate(key, half));
    half.iter().chain(&proof).fold(String::with_capacity(4 * HALF), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a string can be written to");
        text
    })
}

fn first_half(bytes: &[u8; 32]) -> [u8; HALF] {
    *bytes.first_chunk().expect("invariant: a digest has more bytes than half an id")
}

fn bytes_of(id: &str) -> Option<[u8; HALF]> {
    let mut half = [0; HALF];
    for (index, byte) in half.iter_mut().enumerate() {
        *byte = u8::from_str_radix(id.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(half)
}

/// HMAC-SHA256 (RFC 2104).
fn authenticate(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_authenticated_as_rfc_4231_has_it() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let code = authenticate(&key, b"what do ya want for nothing?");
        assert_eq!(code[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }

    #[test]
    fn a_target_may_have_a_name_with_blanks() {
        let digits = "0".repeat(64);
        let text = format!("7 {digits} a b c");
        let target = Target::parse(&text);
        assert_eq!(target.cap, CapId(7));
        let object = target.access().object.unwrap();
        assert_eq!((object.digits, object.name), (digits.as_str(), Some("a b c")));
        assert!(Target::parse("7").access().object.is_none());
    }
}
