//! `node:crypto`.

use crate::harness::{check, check_after};

#[test]
fn hashes_are_fed_piece_by_piece() {
    check(&[
        (
            "const c = await import('node:crypto'); const h = c.createHash('sha256').update('a'); const copy = h.copy().update('c'); return [h.update('bc').digest('hex').slice(0, 8), copy.digest('hex') === c.hash('sha256', 'ac')]",
            "ba7816bf,true",
        ),
        (
            "const c = await import('node:crypto'); return ['md5', 'SHA1', 'sha224', 'RSA-SHA256', 'sha512-256'].map((n) => c.createHash(n).update('abc').digest('hex').slice(0, 8))",
            "90015098,a9993e36,23097d22,ba7816bf,53048e26",
        ),
        (
            "const c = await import('node:crypto'); return [c.createHmac('sha256', 'key').update('data').digest('base64'), c.createHmac('md5', 'k'.repeat(99)).update('data').digest('hex').length]",
            "UDH+PZicbRU3oBP6bnOdojRj/a7DtwE32Cjjas4iG9A=,32",
        ),
        ("const c = await import('node:crypto'); c.createHash('nope')", "Error: Digest method not supported"),
        (
            "const c = await import('node:crypto'); const h = c.createHash('md5'); h.digest(); h.update('x')",
            "Error: Digest already called",
        ),
        (
            "const c = await import('node:crypto'); c.createHash('md5').update(1)",
            "TypeError: The \"data\" argument must be of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView. Received type number",
        ),
    ]);
}

#[test]
fn keys_are_derived() {
    check(&[
        (
            "const c = await import('node:crypto'); return c.pbkdf2Sync('password', 'salt', 1, 20, 'sha1').toString('hex')",
            "0c60c80f961f0e71f3a9b524af6012062fe037a6",
        ),
        (
            "const c = await import('node:crypto'); const key = await new Promise((done) => c.hkdf('sha256', 'key', 'salt', 'info', 8, (e, k) => done(k))); return [key instanceof ArrayBuffer, key.byteLength]",
            "true,8",
        ),
        (
            "const c = await import('node:crypto'); return c.pbkdf2Sync('p', 's', 100000, 1, 'sha256').length",
            "1",
        ),
        (
            "const c = await import('node:crypto'); c.pbkdf2Sync('p', 's', 100001, 1, 'sha256')",
            "RangeError: The value of \"iterations\" is out of range. It must be >= 1 && <= 100000. Received 100001",
        ),
        (
            "const c = await import('node:crypto'); c.pbkdf2Sync('p', 's', 1, 1, 'md5')",
            "TypeError: Invalid digest: md5",
        ),
        (
            "const c = await import('node:crypto'); c.hkdfSync('md55', 'k', 's', '', 1)",
            "TypeError: Invalid digest: md55",
        ),
        (
            "const c = await import('node:crypto'); return c.hkdfSync('sha224', 'k', 's', 'i', 5).byteLength",
            "5",
        ),
        (
            "const c = await import('node:crypto'); c.hkdfSync('sha256', 'k', 's', 'x'.repeat(1025), 1)",
            "RangeError: The value of \"info\" is out of range. It must be no longer than 1024 bytes. Received 1025",
        ),
        (
            "const c = await import('node:crypto'); return c.hkdfSync('sha256', 'k', 's', 'x'.repeat(1024), 1).byteLength",
            "1",
        ),
    ]);
}

#[test]
fn random_values_keep_to_their_range() {
    check(&[
        (
            "const c = await import('node:crypto'); const all = Array.from({ length: 99 }, () => c.randomInt(3, 6)); return [all.every((n) => n >= 3 && n < 6), c.randomBytes(4).length, c.randomUUID().length]",
            "true,4,36",
        ),
        (
            "const c = await import('node:crypto'); const b = new Uint8Array(4); c.randomFillSync(b, 1, 2); return [b[0], b[3], b[1] !== 0]",
            "0,0,true",
        ),
        (
            "const c = await import('node:crypto'); return new Promise((done) => c.randomBytes(2, (e, b) => done([e, b.length])))",
            ",2",
        ),
        (
            "const c = await import('node:crypto'); c.randomInt(5, 5)",
            "RangeError: The value of \"max\" is out of range. It must be greater than the value of \"min\" (5). Received 5",
        ),
        (
            "const c = await import('node:crypto'); const b = (t) => new TextEncoder().encode(t); return [c.timingSafeEqual(b('ab'), b('ab')), c.timingSafeEqual(b('ab'), b('ac'))]",
            "true,false",
        ),
        (
            "const c = await import('node:crypto'); c.timingSafeEqual(new Uint8Array(1), new Uint8Array(2))",
            "RangeError: Input buffers must have the same byte length",
        ),
    ]);
}

/// Texts that were encrypted by Node.js.
#[test]
fn ciphers_take_data_in_any_pieces() {
    let sealing = "const c = await import('node:crypto'); const { Buffer } = await import('node:buffer');
        const seal = (name, iv) => { const e = c.createCipheriv(name, 'k'.repeat(name.slice(4, 7) / 8), iv);
          return e.update('abc', 'utf8', 'hex') + e.update('defghijklmnopqrstuvwxyz', 'utf8', 'hex') + e.final('hex') };
        const open = (name, iv, hex) => { const d = c.createDecipheriv(name, 'k'.repeat(name.slice(4, 7) / 8), iv);
          return d.update(hex.slice(0, 34), 'hex', 'utf8') + d.update(hex.slice(34), 'hex', 'utf8') + d.final('utf8') };
        const both = (name, iv) => { const hex = seal(name, iv); return [hex, open(name, iv, hex)] };";
    check_after(
        sealing,
        &[
            (
                "return both('aes-128-cbc', 'i'.repeat(16))",
                "8b40bffddb3b50f232fc0ba1ee525e265fa6300b8d159e23de55bb066ae56f73,abcdefghijklmnopqrstuvwxyz",
            ),
            (
                "return both('aes-256-ctr', 'i'.repeat(16))",
                "7bd341856656cc4b393532a260b33ff7d388cd21c5838a23ec26,abcdefghijklmnopqrstuvwxyz",
            ),
            (
                "return both('aes-192-ecb', null)",
                "32f1de0d34912ca2c8d295a51de0fccf589587473a09c2bfc18b772a7e98f6ba,abcdefghijklmnopqrstuvwxyz",
            ),
        ],
    );
}

/// Texts and tags of Node.js, the second under a nonce of unusual length.
#[test]
fn gcm_vouches_for_what_it_sealed() {
    let prelude = "const c = await import('node:crypto'); const { Buffer } = await import('node:buffer');
        const opening = () => { const d = c.createDecipheriv('aes-256-gcm', 'k'.repeat(32), 'n'.repeat(12)).setAAD(Buffer.from('more')); d.update('f95984d474d2e2b1254e6028eec7c3a4f299acc865c7599c4400', 'hex'); return d };";
    let refused = "Error: Unsupported state or unable to authenticate data";
    check_after(
        prelude,
        &[
            (
                "const e = c.createCipheriv('aes-256-gcm', 'k'.repeat(32), 'n'.repeat(12)).setAAD(Buffer.from('more')); return [e.update('abc', 'utf8', 'hex') + e.update('defghijklmnopqrstuvwxyz', 'utf8', 'hex') + e.final('hex'), e.getAuthTag().toString('hex')]",
                "f95984d474d2e2b1254e6028eec7c3a4f299acc865c7599c4400,fa25b9f59b99ae3260b46de40ae0173b",
            ),
            (
                "const e = c.createCipheriv('aes-128-gcm', 'k'.repeat(16), 'n'.repeat(13), { authTagLength: 8 }); return [e.update('abc', 'utf8', 'hex') + e.final('hex'), e.getAuthTag().toString('hex')]",
                "7c6961,f1d503ecda108561",
            ),
            (
                "return opening().setAuthTag(Buffer.from('fa25b9f59b99ae3260b46de40ae0173b', 'hex')).final().length",
                "0",
            ),
            ("opening().setAuthTag(Buffer.alloc(16)).final()", refused),
            ("opening().final()", refused),
            ("opening().setAuthTag(Buffer.alloc(3))", "TypeError: Invalid authentication tag length: 3"),
        ],
    );
}

#[test]
fn wrong_use_of_ciphers_is_said() {
    let prelude = "const c = await import('node:crypto'); const { Buffer } = await import('node:buffer'); const [key, iv] = [Buffer.alloc(16), Buffer.alloc(16)];";
    check_after(
        prelude,
        &[
            ("c.createCipheriv('des', key, iv)", "Error: Unknown cipher"),
            ("c.createCipheriv('aes-256-cbc', key, iv)", "RangeError: Invalid key length"),
            (
                "c.createCipheriv('aes-128-cbc', key, iv.subarray(1))",
                "TypeError: Invalid initialization vector",
            ),
            (
                "const d = c.createDecipheriv('aes-128-cbc', key, iv); d.update(iv); d.final()",
                "Error: bad decrypt",
            ),
            (
                "const e = c.createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false); e.update('x'); e.final()",
                "Error: wrong final block length",
            ),
            (
                "const e = c.createCipheriv('aes-128-cbc', key, iv); e.final(); e.final()",
                "Error: Unsupported state",
            ),
            (
                "return JSON.stringify([c.getCipherInfo('aes128'), c.getCipherInfo(895)?.name, c.getCipherInfo('aes-128-cbc', { ivLength: 15 }) ?? null])",
                r#"[{"mode":"cbc","name":"aes-128-cbc","nid":419,"blockSize":16,"keyLength":16,"ivLength":16},"id-aes128-gcm",null]"#,
            ),
        ],
    );
}

/// The last vector of RFC 7914 that is quickly made, and the bounds of the cost.
#[test]
fn scrypt_has_a_bounded_cost() {
    check(&[
        (
            "const c = await import('node:crypto'); return c.scryptSync('', '', 16, { N: 16, r: 1, p: 1 }).toString('hex')",
            "77d6576238657b203b19ca42c18a0497",
        ),
        (
            "const c = await import('node:crypto'); return c.scryptSync('password', 'NaCl', 8, { N: 64, r: 8, p: 2 }).length",
            "8",
        ),
        (
            "const c = await import('node:crypto'); c.scryptSync('p', 's', 1, { N: 15 })",
            "RangeError: Invalid scrypt params: N must be a power of 2 greater than 1",
        ),
        (
            "const c = await import('node:crypto'); return new Promise((done) => c.scrypt('p', 's', 1, { N: 2, r: 1, p: 2 ** 19 + 1, maxmem: 2 ** 30 }, done))",
            "RangeError [ERR_CRYPTO_INVALID_SCRYPT_PARAMS]: Invalid scrypt params: N * r * p must not exceed 1048576",
        ),
        (
            "const c = await import('node:crypto'); c.scryptSync('p', 's', 1, { N: 2 ** 18 })",
            "RangeError: Invalid scrypt params: memory limit exceeded",
        ),
        (
            "const c = await import('node:crypto'); c.scryptSync('p', 's', 1, { N: 2, cost: 2 })",
            "TypeError: Option \"N\" cannot be used in combination with option \"cost\"",
        ),
    ]);
}

#[test]
fn digests_and_ciphers_are_streams() {
    check(&[
        (
            "const c = await import('node:crypto'); const { PassThrough } = await import('node:stream'); const source = new PassThrough(); const hash = source.pipe(c.createHash('md5')); source.end('abc'); return new Promise((done) => hash.setEncoding('hex').on('data', (text) => done([text.slice(0, 8), hash.digest('hex').slice(0, 8)])))",
            "90015098,90015098",
        ),
        (
            "const c = await import('node:crypto'); const { buffer } = await import('node:stream/consumers'); const make = (create) => create('aes-128-ctr', 'k'.repeat(16), 'i'.repeat(16)); const sealing = make(c.createCipheriv); sealing.write('some '); sealing.end('text'); return `${await buffer(sealing.pipe(make(c.createDecipheriv)))}`",
            "some text",
        ),
    ]);
}
