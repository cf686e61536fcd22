//! Web Crypto: one known answer per algorithm, and the errors that scripts meet.

use crate::harness::{Platform, check};

/// Helpers that the scripts here share.
const HELPERS: &str = "
    globalThis.hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('');
    globalThis.unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    globalThis.utf8 = (text) => new TextEncoder().encode(text);
    globalThis.secret = (key, name, usages) => crypto.subtle.importKey('raw', key, name, true, usages);
";

#[track_caller]
fn check_crypto(cases: &[(&str, &str)]) {
    let platform = Platform::start();
    platform.run(HELPERS);
    for (script, expected) in cases {
        assert_eq!(platform.run(script), *expected, "{script}");
    }
}

#[test]
fn digests_have_their_known_values() {
    check_crypto(&[
        ("return hex(await crypto.subtle.digest('MD5', utf8('abc')))", "900150983cd24fb0d6963f7d28e17f72"),
        (
            "return hex(await crypto.subtle.digest('sha-1', utf8('abc')))",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
        ),
        (
            "return hex(await crypto.subtle.digest({ name: 'SHA-256' }, utf8('abc')))",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        ("return (await crypto.subtle.digest('SHA-384', utf8('abc'))).byteLength", "48"),
        ("return (await crypto.subtle.digest('SHA-512', utf8('abc'))).byteLength", "64"),
        (
            "await crypto.subtle.digest('SHA-3', utf8('abc'))",
            "NotSupportedError: Unrecognized or unimplemented digest algorithm requested.",
        ),
    ]);
}

#[test]
fn a_digest_stream_hashes_what_is_written() {
    check_crypto(&[
        (
            "const s = new crypto.DigestStream('SHA-256'); const w = s.getWriter(); await w.write('a'); await w.write(utf8('bc')); await w.close(); return [hex(await s.digest).slice(0, 8), s.bytesWritten, s instanceof WritableStream]",
            "ba7816bf,3,true",
        ),
        (
            "const s = new crypto.DigestStream('MD5'); await new Response('abc').body.pipeTo(s); return hex(await s.digest)",
            "900150983cd24fb0d6963f7d28e17f72",
        ),
        (
            "const s = new crypto.DigestStream('crc32'); await new Response('123456789').body.pipeTo(s); return hex(await s.digest)",
            "cbf43926",
        ),
        (
            "const s = new crypto.DigestStream('MD5'); s[Symbol.dispose](); await s.getWriter().write('a')",
            "TypeError: The DigestStream was disposed.",
        ),
        (
            "const s = new crypto.DigestStream('MD5'); s.abort(new RangeError('over')); await s.digest",
            "RangeError: over",
        ),
        (
            "const s = new crypto.DigestStream('MD5'); s.getWriter().write(7).catch(() => {}); await s.digest",
            "TypeError: DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type on its writable side.",
        ),
    ]);
}

#[test]
fn hmac_signs_and_verifies() {
    check_crypto(&[
        (
            "const k = await secret(utf8('key'), { name: 'HMAC', hash: 'SHA-256' }, ['sign', 'verify']);
             const m = utf8('The quick brown fox jumps over the lazy dog'), s = await crypto.subtle.sign('HMAC', k, m);
             return [hex(s).slice(0, 16), await crypto.subtle.verify('HMAC', k, s, m), await crypto.subtle.verify('HMAC', k, s, utf8('x')), JSON.stringify(k.algorithm)]",
            r#"f7bc83f430538424,true,false,{"name":"HMAC","length":24,"hash":{"name":"SHA-256"}}"#,
        ),
        (
            "const k = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-512' }, true, ['sign']); return [k.algorithm.length, (await crypto.subtle.exportKey('jwk', k)).alg]",
            "1024,HS512",
        ),
    ]);
}

#[test]
fn aes_encrypts_in_its_modes() {
    check_crypto(&[
        (
            // NIST SP 800-38A, F.2.1, of which PKCS #7 padding keeps the first block.
            "const k = await secret(unhex('2b7e151628aed2a6abf7158809cf4f3c'), 'AES-CBC', ['encrypt', 'decrypt']), iv = unhex('000102030405060708090a0b0c0d0e0f');
             const c = await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, k, unhex('6bc1bee22e409f96e93d7e117393172a'));
             return [hex(c).slice(0, 32), hex(await crypto.subtle.decrypt({ name: 'AES-CBC', iv }, k, c))]",
            "7649abac8119b246cee98e9b12e9197d,6bc1bee22e409f96e93d7e117393172a",
        ),
        (
            // F.5.1, whose counter is one below a wrap of its low byte.
            "const k = await secret(unhex('2b7e151628aed2a6abf7158809cf4f3c'), 'AES-CTR', ['encrypt', 'decrypt']), counter = unhex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
             const c = await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, k, unhex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'));
             return hex(c)",
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
        ),
        (
            // A counter of one bit has two values.
            "const k = await secret(new Uint8Array(16), 'AES-CTR', ['encrypt']), a = (data) => crypto.subtle.encrypt({ name: 'AES-CTR', counter: new Uint8Array(16).fill(255), length: 1 }, k, data);
             const two = hex(await a(new Uint8Array(32))), other = hex(await crypto.subtle.encrypt({ name: 'AES-CTR', counter: new Uint8Array(16).fill(255).with(15, 254), length: 128 }, k, new Uint8Array(16)));
             return [two.slice(32) === other, await a(new Uint8Array(33)).catch((e) => e.message)]",
            "true,Counter block values will repeat",
        ),
        (
            // Test case 4 of the GCM specification's appendix.
            "const k = await secret(unhex('feffe9928665731c6d6a8f9467308308'), 'AES-GCM', ['encrypt', 'decrypt']), iv = unhex('cafebabefacedbaddecaf888'), additionalData = unhex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
             const p = unhex('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39');
             const c = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, k, p);
             const short = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData, tagLength: 96 }, k, p);
             return [hex(c).slice(-32), hex(short) === hex(c).slice(0, -8), hex(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData, tagLength: 96 }, k, short)) === hex(p)]",
            "5bc94fbc3221a5db94fae95ae7121a47,true,true",
        ),
        (
            // Test case 6: a nonce of 60 bytes.
            "const k = await secret(unhex('feffe9928665731c6d6a8f9467308308'), 'AES-GCM', ['encrypt', 'decrypt']), iv = unhex('9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b'), additionalData = unhex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
             const p = unhex('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39');
             const c = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, k, p);
             return [hex(c).slice(-32), hex(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, k, c)) === hex(p)]",
            "619cc5aefffe0bfa462af43c1699d050,true",
        ),
        (
            "const k = await secret(new Uint8Array(32), 'AES-GCM', ['encrypt', 'decrypt']); const c = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, k, utf8('x'))); c[0] ^= 1; await crypto.subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, k, c)",
            "OperationError: Decryption failed. This could be due to a ciphertext authentication failure, bad padding, incorrect CryptoKey, or another algorithm-specific reason. Input length was incorrect or the key is wrong.",
        ),
        (
            // RFC 3394, 4.1.
            "const k = await secret(unhex('000102030405060708090a0b0c0d0e0f'), 'AES-KW', ['wrapKey', 'unwrapKey']), inner = await secret(unhex('00112233445566778899aabbccddeeff'), 'AES-CBC', ['encrypt']);
             const w = await crypto.subtle.wrapKey('raw', inner, k, 'AES-KW'), u = await crypto.subtle.unwrapKey('raw', w, k, 'AES-KW', 'AES-CBC', true, ['decrypt']);
             return [hex(w), hex(await crypto.subtle.exportKey('raw', u)), u.usages]",
            "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5,00112233445566778899aabbccddeeff,decrypt",
        ),
    ]);
}

#[test]
fn keys_are_derived() {
    check_crypto(&[
        (
            // RFC 5869, A.1.
            "const k = await crypto.subtle.importKey('raw', new Uint8Array(22).fill(11), 'HKDF', false, ['deriveBits']); return hex(await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: unhex('000102030405060708090a0b0c'), info: unhex('f0f1f2f3f4f5f6f7f8f9') }, k, 336))",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            // RFC 6070, the second.
            "const k = await crypto.subtle.importKey('raw', utf8('password'), 'PBKDF2', false, ['deriveBits']); return hex(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-1', salt: utf8('salt'), iterations: 2 }, k, 160))",
            "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957",
        ),
        (
            "const k = await crypto.subtle.importKey('raw', utf8('p'), 'PBKDF2', false, ['deriveBits']); const derive = (iterations) => crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: utf8('s'), iterations }, k, 8); return [(await derive(100000)).byteLength, await derive(100001).catch((e) => `${e.name}: ${e.message}`)]",
            "1,NotSupportedError: Pbkdf2 failed: iteration counts above 100000 are not supported (requested 100001).",
        ),
        (
            "const k = await crypto.subtle.importKey('raw', utf8('p'), 'PBKDF2', false, ['deriveKey']); const d = await crypto.subtle.deriveKey({ name: 'PBKDF2', hash: 'SHA-256', salt: utf8('s'), iterations: 1 }, k, { name: 'AES-GCM', length: 256 }, false, ['encrypt']); return [d.type, d.algorithm.length, d.extractable]",
            "secret,256,false",
        ),
        (
            "const make = (name, extra) => crypto.subtle.generateKey({ name, ...extra }, true, ['deriveBits']); const both = async (a, b, name) => hex(await crypto.subtle.deriveBits({ name, public: b.publicKey }, a.privateKey, 256));
             const results = []; for (const [name, extra] of [['X25519', {}], ['ECDH', { namedCurve: 'P-256' }], ['ECDH', { namedCurve: 'P-521' }]]) { const [a, b] = [await make(name, extra), await make(name, extra)]; results.push(await both(a, b, name) === await both(b, a, name)); } return results",
            "true,true,true",
        ),
    ]);
}

#[test]
fn signatures_verify() {
    check_crypto(&[
        (
            // RFC 8032, 7.1, test 2.
            "const seed = unhex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'), pkcs8 = new Uint8Array([...unhex('302e020100300506032b657004220420'), ...seed]);
             const k = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign']); const jwk = await crypto.subtle.exportKey('jwk', k);
             return [hex(await crypto.subtle.sign('Ed25519', k, unhex('72'))).slice(0, 32), jwk.crv, hex(await crypto.subtle.exportKey('pkcs8', k)) === hex(pkcs8)]",
            "92a009a9f0d4cab8720e820b5f642540,Ed25519,true",
        ),
        (
            "const results = []; for (const namedCurve of ['P-256', 'P-384', 'P-521']) for (const hash of ['SHA-1', 'SHA-512']) {
               const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
               const s = await crypto.subtle.sign({ name: 'ECDSA', hash }, privateKey, utf8('m'));
               results.push(s.byteLength, await crypto.subtle.verify({ name: 'ECDSA', hash }, publicKey, s, utf8('m')), await crypto.subtle.verify({ name: 'ECDSA', hash }, publicKey, s, utf8('n')));
             } return results",
            "64,true,false,64,true,false,96,true,false,96,true,false,132,true,false,132,true,false",
        ),
        (
            "const results = []; for (const [name, extra, hash] of [['RSASSA-PKCS1-v1_5', {}, 'SHA-256'], ['RSA-PSS', { saltLength: 0 }, 'SHA-1'], ['RSA-PSS', { saltLength: 32 }, 'SHA-256']]) {
               const { privateKey, publicKey } = await crypto.subtle.generateKey({ name, hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['sign', 'verify']);
               const algorithm = { name, ...extra }, s = await crypto.subtle.sign(algorithm, privateKey, utf8('m'));
               const spki = await crypto.subtle.exportKey('spki', publicKey), again = await crypto.subtle.importKey('spki', spki, { name, hash }, true, ['verify']);
               results.push(s.byteLength, await crypto.subtle.verify(algorithm, again, s, utf8('m')), await crypto.subtle.verify(algorithm, publicKey, s, utf8('n')));
             } return results",
            "256,true,false,256,true,false,256,true,false",
        ),
    ]);
}

#[test]
fn rsa_keys_keep_to_their_size() {
    check_crypto(&[(
        "const make = (modulusLength, e = 1) => crypto.subtle.generateKey({ name: 'RSA-PSS', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array([e, 0, 1]) }, true, ['sign']).then((pair) => pair.privateKey.algorithm.modulusLength, (e) => `${e.name}: ${e.message}`);
         return [await make(4096), await make(4224), await make(896), await make(2048, 2)].join('|')",
        "4096|OperationError: The modulus length must be a multiple of 128 and between 1024 and 4096, but 4224 was requested.|OperationError: The modulus length must be a multiple of 128 and between 1024 and 4096, but 896 was requested.|OperationError: The \"publicExponent\" must be either 3 or 65537, but got 131073.",
    )]);
}

#[test]
fn rsa_oaep_encrypts_and_wraps() {
    check_crypto(&[(
        "const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'RSA-OAEP', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey']);
         const algorithm = { name: 'RSA-OAEP', label: utf8('l') }, c = await crypto.subtle.encrypt(algorithm, publicKey, utf8('hi'));
         const jwk = await crypto.subtle.exportKey('jwk', privateKey), again = await crypto.subtle.importKey('jwk', jwk, { name: 'RSA-OAEP', hash: 'SHA-256' }, true, ['decrypt']);
         const inner = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt']), w = await crypto.subtle.wrapKey('raw', inner, publicKey, 'RSA-OAEP');
         const u = await crypto.subtle.unwrapKey('raw', w, privateKey, 'RSA-OAEP', 'AES-GCM', true, ['encrypt']);
         return [new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, again, c)), jwk.alg, hex(await crypto.subtle.exportKey('raw', u)) === hex(await crypto.subtle.exportKey('raw', inner)),
           await crypto.subtle.encrypt(algorithm, publicKey, new Uint8Array(191)).catch((e) => e.name), (await crypto.subtle.encrypt(algorithm, publicKey, new Uint8Array(190))).byteLength]",
        "hi,RSA-OAEP-256,true,OperationError,256",
    )]);
}

#[test]
fn keys_keep_to_their_usages() {
    check_crypto(&[
        (
            "const k = await secret(new Uint8Array(16), 'AES-CBC', ['decrypt']); await crypto.subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(16) }, k, utf8('x'))",
            "InvalidAccessError: Requested key usage \"encrypt\" does not match any usage listed in this CryptoKey.",
        ),
        (
            "const k = await secret(new Uint8Array(16), 'AES-CBC', ['encrypt']); await crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, k, utf8('x'))",
            "InvalidAccessError: Requested algorithm \"AES-GCM\" does not match this CryptoKey's algorithm \"AES-CBC\".",
        ),
        (
            "const k = await crypto.subtle.generateKey({ name: 'AES-CBC', length: 128 }, false, ['encrypt']); await crypto.subtle.exportKey('raw', k)",
            "InvalidAccessError: Attempt to export non-extractable AES-CBC key.",
        ),
        (
            "await crypto.subtle.generateKey({ name: 'AES-CBC', length: 128 }, true, ['sign'])",
            "SyntaxError: Attempt to generate AES-CBC key with invalid usage \"sign\".",
        ),
        (
            "await secret(new Uint8Array(16), 'AES-CBC', [])",
            "SyntaxError: Secret/private CryptoKeys must have at least one usage.",
        ),
        (
            "await secret(new Uint8Array(15), 'AES-CBC', ['encrypt'])",
            "DataError: Imported AES key length must be 128, 192, or 256 bits but provided 120.",
        ),
        (
            "await secret(new Uint8Array(15), 'ROT-13', ['encrypt'])",
            "NotSupportedError: Unrecognized key import algorithm \"ROT-13\" requested.",
        ),
        (
            "await secret(new Uint8Array(16), 'AES-CBC', ['encrypt']).then((k) => crypto.subtle.encrypt('AES-CBC', k, utf8('x')))",
            "TypeError: Missing field \"iv\" in \"algorithm\".",
        ),
        ("new CryptoKey()", "TypeError: Illegal constructor"),
        (
            // What is taken away while the algorithm is read is empty by the time it is encrypted.
            "const k = await secret(new Uint8Array(16), 'AES-CBC', ['encrypt']), data = new Uint8Array(40), algorithm = { get name() { data.buffer.transfer(); return 'AES-CBC' }, iv: new Uint8Array(16) }; return (await crypto.subtle.encrypt(algorithm, k, data)).byteLength",
            "16",
        ),
        (
            "const k = structuredClone(await secret(utf8('k'), { name: 'HMAC', hash: 'SHA-1' }, ['sign'])); return [k.constructor.name, k.algorithm === k.algorithm, hex(await crypto.subtle.exportKey('raw', k))]",
            "CryptoKey,true,6b",
        ),
    ]);
}

#[test]
fn random_values_and_comparison_keep_to_their_limits() {
    check(&[
        ("return crypto.getRandomValues(new Uint8Array(65536)).length", "65536"),
        (
            "crypto.getRandomValues(new Uint8Array(65537))",
            "QuotaExceededError: getRandomValues() only accepts buffers of size <= 64K but provided 65537 bytes.",
        ),
        (
            "return crypto.subtle.timingSafeEqual(new Uint8Array([1, 2]), new Uint8Array([1, 2]).buffer)",
            "true",
        ),
        ("return crypto.subtle.timingSafeEqual(new Uint8Array([1, 2]), new Uint8Array([1, 3]))", "false"),
        (
            "crypto.subtle.timingSafeEqual(new Uint8Array(1), new Uint8Array(2))",
            "TypeError: Input buffers must have the same byte length.",
        ),
        (
            "return /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())",
            "true",
        ),
    ]);
}
