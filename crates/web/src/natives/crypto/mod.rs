//! Cryptography, for `js/crypto/`: each function takes and gives bytes, and knows neither keys nor their usages, which
//! are JavaScript's business. What fails (a key that does not parse, a tag that does not match) is `undefined`.
//!
//! aws-lc does what its safe interface reaches. The RustCrypto crates do the rest: MD5, GHASH for unusual nonces, and
//! the curves and RSA with any hash and any salt.

mod checksums;
mod ciphers;
mod curves;
mod derivation;
mod digests;
mod edwards;
mod formats;
mod random;
mod rsa;
mod running;
mod scrypt;

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Context, Result, Value};

use super::{Arguments, Natives};

pub(super) fn add(natives: &Natives) -> Result<()> {
    add_digests(natives)?;
    add_ciphers(natives)?;
    add_derivation(natives)?;
    add_curves(natives)?;
    add_edwards(natives)?;
    add_rsa(natives)
}

impl Natives {
    /// Adds a function that gives bytes, or nothing.
    fn add_bytes<F>(&self, name: &str, closure: F) -> Result<()>
    where
        F: Fn(&Arguments) -> Result<Option<Vec<u8>>> + 'static,
    {
        self.add(name, move |context, arguments| match closure(arguments)? {
            Some(bytes) => context.uint8_array(bytes),
            None => Ok(context.undefined()),
        })
    }

    /// Adds a function that gives several byte strings, or nothing.
    fn add_parts<F>(&self, name: &str, closure: F) -> Result<()>
    where
        F: Fn(&Arguments) -> Result<Option<Vec<Vec<u8>>>> + 'static,
    {
        self.add(name, move |context, arguments| match closure(arguments)? {
            Some(parts) => {
                let parts = parts.into_iter().map(|part| context.uint8_array(part));
                context.array(&parts.collect::<Result<Vec<_>>>()?)
            }
            None => Ok(context.undefined()),
        })
    }
}

fn add_digests(natives: &Natives) -> Result<()> {
    natives.add_bytes("digest", |arguments| {
        let hash = digests::Hash::named(&arguments.string(0)?);
        Ok(hash.map(|hash| arguments.read_bytes(1, |data| hash.digest(data))))
    })?;
    natives.add("newDigest", new_digest)?;
    natives.add_bytes("hmac", |arguments| {
        let (hash, key) = (digests::Hash::named(&arguments.string(0)?), arguments.bytes(1));
        Ok(hash.and_then(|hash| arguments.read_bytes(2, |data| hash.hmac(&key, data))))
    })?;
    natives.add("bytesEqual", |context, arguments| {
        let first = arguments.bytes(0);
        Ok(context.boolean(arguments.read_bytes(1, |second| digests::bytes_equal(&first, second))))
    })
}

fn new_digest(context: Context, arguments: &Arguments) -> Result<Value> {
    match digests::Running::named(&arguments.string(0)?) {
        Some(running) => digest_function(context, running),
        None => Ok(context.undefined()),
    }
}

/// A function that takes more bytes, and without an argument ends the digest and gives it. Its method `copy` gives a
/// second one that has been fed the same.
fn digest_function(context: Context, running: digests::Running) -> Result<Value> {
    let running = Rc::new(RefCell::new(Some(running)));
    let copied = Rc::clone(&running);
    let function = context.function("update", 1, move |context, _, values| {
        if values.first().is_none_or(Value::is_undefined) {
            let digest = running.take().map(digests::Running::finish).unwrap_or_default();
            return context.uint8_array(digest);
        }
        if let Some(running) = &mut *running.borrow_mut() {
            Arguments { context, values }.read_bytes(0, |data| running.update(data));
        }
        Ok(context.undefined())
    })?;
    let copy = context.function("copy", 0, move |context, _, _| {
        let running = copied.borrow().clone();
        running.map_or(Ok(context.undefined()), |running| digest_function(context, running))
    })?;
    function.set("copy", &copy)?;
    Ok(function)
}

fn add_ciphers(natives: &Natives) -> Result<()> {
    natives.add_bytes("aesGcmSeal", |arguments| Ok(gcm_of(arguments).seal(arguments.bytes(4))))?;
    natives.add_bytes("aesGcmOpen", |arguments| Ok(gcm_of(arguments).open(arguments.bytes(4))))?;
    natives.add_bytes("aesCbcEncrypt", |arguments| {
        Ok(ciphers::cbc_encrypt(&arguments.bytes(0), &arguments.bytes(1), arguments.bytes(2)))
    })?;
    natives.add_bytes("aesCbcDecrypt", |arguments| {
        Ok(ciphers::cbc_decrypt(&arguments.bytes(0), &arguments.bytes(1), arguments.bytes(2)))
    })?;
    natives.add_bytes("aesCtr", |arguments| {
        let (key, counter) = (arguments.bytes(0), arguments.bytes(1));
        Ok(ciphers::ctr(&key, &counter, arguments.number(2) as u32, arguments.bytes(3)))
    })?;
    natives.add("newCipher", new_cipher)?;
    natives
        .add_bytes("aesKwWrap", |arguments| Ok(ciphers::wrap(&arguments.bytes(0), &arguments.bytes(1))))?;
    natives
        .add_bytes("aesKwUnwrap", |arguments| Ok(ciphers::unwrap(&arguments.bytes(0), &arguments.bytes(1))))
}

/// The mode, whether it decrypts, the key, the start and GCM's additional data become a function that takes more bytes
/// and whether there is padding; without bytes it ends. Its method `tag` gives GCM's tag.
fn new_cipher(context: Context, arguments: &Arguments) -> Result<Value> {
    let (key, iv, additional) = (arguments.bytes(2), arguments.bytes(3), arguments.bytes(4));
    let mode = arguments.string(0)?;
    let Some(running) = running::Running::new(&mode, arguments.boolean(1), &key, &iv, &additional) else {
        return Ok(context.undefined());
    };
    let running = Rc::new(RefCell::new(running));
    let tagged = Rc::clone(&running);
    let function = context.function("update", 2, move |context, _, values| {
        let arguments = Arguments { context, values };
        let (mut running, padded) = (running.borrow_mut(), arguments.boolean(1));
        let result = if arguments.value(0).is_undefined() {
            running.finish(padded)
        } else {
            running.update(&arguments.bytes(0), padded)
        };
        result.map_or(Ok(context.undefined()), |bytes| context.uint8_array(bytes))
    })?;
    let tag = context.function("tag", 0, move |context, _, _| {
        tagged.borrow().tag().map_or(Ok(context.undefined()), |bytes| context.uint8_array(bytes))
    })?;
    function.set("tag", &tag)?;
    Ok(function)
}

fn gcm_of(arguments: &Arguments) -> ciphers::Gcm {
    ciphers::Gcm {
        key: arguments.bytes(0),
        nonce: arguments.bytes(1),
        additional: arguments.bytes(2),
        tag_bytes: arguments.number(3) as usize / 8,
    }
}

fn add_derivation(natives: &Natives) -> Result<()> {
    natives.add_bytes("hkdf", |arguments| {
        let hash = digests::Hash::named(&arguments.string(0)?);
        let (secret, salt, info) = (arguments.bytes(1), arguments.bytes(2), arguments.bytes(3));
        let length = arguments.number(4) as usize;
        Ok(hash.and_then(|hash| derivation::hkdf(hash, &secret, &salt, &info, length)))
    })?;
    natives.add_bytes("scrypt", |arguments| {
        let (password, salt) = (arguments.bytes(0), arguments.bytes(1));
        let number = |index| arguments.number(index) as usize;
        let cost = scrypt::Cost { rounds: number(2), block_size: number(3), parallelization: number(4) };
        Ok(scrypt::scrypt(&password, &salt, &cost, number(5)))
    })?;
    natives.add_bytes("pbkdf2", |arguments| {
        let hash = digests::Hash::named(&arguments.string(0)?);
        let (password, salt) = (arguments.bytes(1), arguments.bytes(2));
        let (iterations, length) = (arguments.number(3) as u32, arguments.number(4) as usize);
        Ok(hash.and_then(|hash| derivation::pbkdf2(hash, &password, &salt, iterations, length)))
    })
}

fn add_curves(natives: &Natives) -> Result<()> {
    natives.add_bytes("ecGenerate", |arguments| Ok(curve_of(arguments)?.map(curves::Curve::generate)))?;
    natives.add_bytes("ecPublic", |arguments| {
        Ok(curve_of(arguments)?.and_then(|curve| curve.public(&arguments.bytes(1))))
    })?;
    natives.add_bytes("ecPoint", |arguments| {
        Ok(curve_of(arguments)?.and_then(|curve| curve.point(&arguments.bytes(1))))
    })?;
    natives.add_bytes("ecSign", |arguments| {
        let (scalar, digest) = (arguments.bytes(1), arguments.bytes(2));
        Ok(curve_of(arguments)?.and_then(|curve| curve.sign(&scalar, &digest)))
    })?;
    natives.add("ecVerify", |context, arguments| {
        let (point, digest, signature) = (arguments.bytes(1), arguments.bytes(2), arguments.bytes(3));
        let valid = curve_of(arguments)?.is_some_and(|curve| curve.verify(&point, &digest, &signature));
        Ok(context.boolean(valid))
    })?;
    natives.add_bytes("ecAgree", |arguments| {
        let (scalar, point) = (arguments.bytes(1), arguments.bytes(2));
        Ok(curve_of(arguments)?.and_then(|curve| curve.agree(&scalar, &point)))
    })?;
    natives.add_parts("ecFromPkcs8", |arguments| {
        Ok(curve_of(arguments)?.and_then(|curve| curve.read_pkcs8(&arguments.bytes(1))))
    })?;
    natives.add_bytes("ecToPkcs8", |arguments| {
        let (scalar, point) = (arguments.bytes(1), arguments.bytes(2));
        Ok(curve_of(arguments)?.and_then(|curve| curve.write_pkcs8(&scalar, &point)))
    })?;
    natives.add_parts("ecFromSec1", |arguments| {
        Ok(curve_of(arguments)?.and_then(|curve| curve.read_sec1(&arguments.bytes(1))))
    })?;
    natives.add_bytes("ecToSec1", |arguments| {
        let (scalar, point) = (arguments.bytes(1), arguments.bytes(2));
        Ok(curve_of(arguments)?.and_then(|curve| curve.write_sec1(&scalar, &point)))
    })?;
    natives.add_bytes("ecFromSpki", |arguments| {
        Ok(curve_of(arguments)?.and_then(|curve| curve.read_spki(&arguments.bytes(1))))
    })?;
    natives.add_bytes("ecToSpki", |arguments| {
        Ok(curve_of(arguments)?.and_then(|curve| curve.write_spki(&arguments.bytes(1))))
    })
}

fn curve_of(arguments: &Arguments) -> Result<Option<curves::Curve>> {
    Ok(curves::Curve::named(&arguments.string(0)?))
}

fn add_edwards(natives: &Natives) -> Result<()> {
    natives.add_bytes("okpPublic", |arguments| {
        Ok(kind_of(arguments)?.and_then(|kind| kind.public(&arguments.bytes(1))))
    })?;
    natives.add_bytes("okpFromPkcs8", |arguments| {
        Ok(kind_of(arguments)?.and_then(|kind| kind.read_pkcs8(&arguments.bytes(1))))
    })?;
    natives.add_bytes("okpToPkcs8", |arguments| {
        Ok(kind_of(arguments)?.and_then(|kind| kind.write_pkcs8(&arguments.bytes(1))))
    })?;
    natives.add_bytes("okpFromSpki", |arguments| {
        Ok(kind_of(arguments)?.and_then(|kind| kind.read_spki(&arguments.bytes(1))))
    })?;
    natives.add_bytes("okpToSpki", |arguments| {
        Ok(kind_of(arguments)?.and_then(|kind| kind.write_spki(&arguments.bytes(1))))
    })?;
    natives.add_bytes("ed25519Sign", |arguments| {
        let seed = arguments.bytes(0);
        Ok(arguments.read_bytes(1, |data| edwards::sign(&seed, data)))
    })?;
    natives.add("ed25519Verify", |context, arguments| {
        let (public, signature) = (arguments.bytes(0), arguments.bytes(1));
        Ok(context.boolean(arguments.read_bytes(2, |data| edwards::verify(&public, &signature, data))))
    })?;
    natives.add_bytes("x25519", |arguments| Ok(edwards::agree(&arguments.bytes(0), &arguments.bytes(1))))
}

fn kind_of(arguments: &Arguments) -> Result<Option<edwards::Kind>> {
    Ok(edwards::Kind::named(&arguments.string(0)?))
}

fn add_rsa(natives: &Natives) -> Result<()> {
    natives.add_bytes("rsaGenerate", |arguments| {
        Ok(rsa::generate(arguments.number(0) as usize, &arguments.bytes(1)))
    })?;
    natives.add_bytes("rsaPublic", |arguments| Ok(rsa::public(&arguments.bytes(0))))?;
    natives.add_parts("rsaComponents", |arguments| Ok(rsa::components(&arguments.bytes(0))))?;
    natives.add_bytes("rsaFromComponents", |arguments| {
        let parts: Vec<Vec<u8>> = (0..arguments.values.len()).map(|index| arguments.bytes(index)).collect();
        Ok(rsa::from_components(&parts))
    })?;
    natives.add_bytes("rsaFromPkcs8", |arguments| Ok(rsa::from_pkcs8(&arguments.bytes(0))))?;
    natives.add_bytes("rsaFromPrivatePkcs1", |arguments| Ok(rsa::from_private_pkcs1(&arguments.bytes(0))))?;
    natives.add_bytes("rsaFromPublicPkcs1", |arguments| Ok(rsa::from_public_pkcs1(&arguments.bytes(0))))?;
    natives.add_bytes("rsaToPkcs8", |arguments| Ok(rsa::to_pkcs8(&arguments.bytes(0))))?;
    natives.add_bytes("rsaFromSpki", |arguments| Ok(rsa::from_spki(&arguments.bytes(0))))?;
    natives.add_bytes("rsaToSpki", |arguments| Ok(rsa::to_spki(&arguments.bytes(0))))?;
    natives.add_bytes("rsaSign", |arguments| {
        let (key, digest) = (arguments.bytes(0), arguments.bytes(2));
        Ok(padding_of(arguments)?.and_then(|padding| rsa::sign(&key, &padding, &digest)))
    })?;
    natives.add("rsaVerify", |context, arguments| {
        let (key, digest, signature) = (arguments.bytes(0), arguments.bytes(2), arguments.bytes(4));
        let padding = padding_of(arguments)?;
        let valid = padding.is_some_and(|padding| rsa::verify(&key, &padding, &digest, &signature));
        Ok(context.boolean(valid))
    })?;
    natives.add("rsaVerifyAnySalt", |context, arguments| {
        let (key, digest, signature) = (arguments.bytes(0), arguments.bytes(2), arguments.bytes(3));
        let hash = digests::Hash::named(&arguments.string(1)?);
        let valid = hash.is_some_and(|hash| rsa::verify_salted(&key, hash, None, &digest, &signature));
        Ok(context.boolean(valid))
    })?;
    natives.add_bytes("rsaEncrypt", |arguments| {
        let hash = digests::Hash::named(&arguments.string(1)?);
        let (key, label, data) = (arguments.bytes(0), arguments.bytes(2), arguments.bytes(3));
        Ok(hash.and_then(|hash| rsa::encrypt(&key, hash, &label, &data)))
    })?;
    natives.add_bytes("rsaDecrypt", |arguments| {
        let hash = digests::Hash::named(&arguments.string(1)?);
        let (key, label, data) = (arguments.bytes(0), arguments.bytes(2), arguments.bytes(3));
        Ok(hash.and_then(|hash| rsa::decrypt(&key, hash, &label, &data)))
    })
}

/// The hash is argument 1; argument 3 is the salt's length in bytes for PSS, nothing for PKCS #1 v1.5.
fn padding_of(arguments: &Arguments) -> Result<Option<rsa::Padding>> {
    let salt_bytes = arguments.value(3).as_f64().map(|length| length as usize);
    Ok(digests::Hash::named(&arguments.string(1)?).map(|hash| rsa::Padding { hash, salt_bytes }))
}
