//! `node:crypto`.

use crate::harness::check;

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
            "TypeError: The \"data\" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView. Received type number",
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
            "RangeError: The value of \"iterations\" is out of range. It must be an integer >= 1 && <= 100000. Received 100001",
        ),
        (
            "const c = await import('node:crypto'); c.pbkdf2Sync('p', 's', 1, 1, 'md5')",
            "TypeError: Invalid digest: md5",
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
