//! Keys of `node:crypto` and what is done with them. Keys and signatures here were made by Node.js.

use crate::harness::check_after;

const PRELUDE: &str = "const c = await import('node:crypto'); const { Buffer } = await import('node:buffer'); const data = Buffer.from('signed');
const privatePem = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIHyYYCceLBmqzLwbjH0oxY5HbR/7AK43rc7E0JEgtSCdoAoGCCqGSM49
AwEHoUQDQgAE3fwVYagEUR6rJoAfFyW+N/BxbdV8nMiQ4t+JCJe/V3Ed93yx29BE
IezGzUqP9gJ+dcE1AqZpusAeC9QvCtp0jA==
-----END EC PRIVATE KEY-----
`;
const publicPem = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3fwVYagEUR6rJoAfFyW+N/BxbdV8
nMiQ4t+JCJe/V3Ed93yx29BEIezGzUqP9gJ+dcE1AqZpusAeC9QvCtp0jA==
-----END PUBLIC KEY-----
`;
const signature = 'MEYCIQDddQZ37246S6p2FbwHKILz35AHKujs2nLqcDC9flE/5wIhAKQn11dNxUtooSyno7eVCeEGMwEWAiEPe/5O2KB0Xkmi';
const edwards = '-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIEh7faobTQeJArCGRHdX3lPJY7pysoOAgEXW5bD1Ahdk\\n-----END PRIVATE KEY-----\\n';";

fn check_keys(cases: &[(&str, &str)]) {
    check_after(PRELUDE, cases);
}

#[test]
fn keys_go_through_all_their_forms() {
    check_keys(&[
        (
            "const key = c.createPrivateKey(privatePem); const open = c.createPublicKey(key); return [key.type, key.asymmetricKeyType, open.asymmetricKeyDetails.namedCurve, key.export({ type: 'sec1', format: 'pem' }) === privatePem, open.export({ type: 'spki', format: 'pem' }) === publicPem, open.equals(c.createPublicKey(publicPem))]",
            "private,ec,prime256v1,true,true,true",
        ),
        (
            "const key = c.createPrivateKey(privatePem); const jwk = key.export({ format: 'jwk' }); const der = key.export({ type: 'pkcs8', format: 'der' }); return [jwk.crv, c.createPrivateKey({ key: jwk, format: 'jwk' }).equals(key), c.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).equals(key), c.createPublicKey({ key: { ...jwk, d: undefined }, format: 'jwk' }).type]",
            "P-256,true,true,public",
        ),
        (
            "const { publicKey, privateKey } = c.generateKeyPairSync('rsa', { modulusLength: 1024, publicKeyEncoding: { type: 'pkcs1', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' } }); return [c.createPublicKey(privateKey).export({ type: 'pkcs1', format: 'pem' }) === publicKey, c.createPublicKey(publicKey).asymmetricKeyDetails.modulusLength]",
            "true,1024",
        ),
        (
            "const key = c.createSecretKey('secret', 'utf8'); return [key.symmetricKeySize, key.export().toString(), key.equals(c.createSecretKey(Buffer.from('secret'))), c.createHmac('md5', key).update('').digest('hex') === c.createHmac('md5', 'secret').digest('hex')]",
            "6,secret,true,true",
        ),
    ]);
}

#[test]
fn keys_of_web_crypto_are_keys() {
    check_keys(&[
        (
            "const { privateKey, publicKey } = await c.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']); const made = c.sign('sha384', data, { key: c.KeyObject.from(privateKey), dsaEncoding: 'ieee-p1363' }); return c.subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, publicKey, made, data)",
            "true",
        ),
        (
            "const sealed = await c.subtle.importKey('raw', data, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']); c.KeyObject.from(sealed).export()",
            "InvalidAccessError: The key is not extractable.",
        ),
    ]);
}

#[test]
fn keys_are_kept_under_a_passphrase() {
    check_keys(&[
        // As `openssl pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA512 -iter 1000` wrote it.
        (
            "const key = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgNTfxLgWyxrwICA+gw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEAQIEEA/ZWm2HujATVwetTKf0NA8EgZDq
YUMswwfK79bE+MpW9LNyfCMU4V612jYszNBzFsufn7tHhTaEE95Ya4yItzKgHwDB
rNmG0HgKKyku1/ZHVtswqigusuh+UQasulJtQqWWuqzolOsx2vMoh0bpABt6V+bR
JDJqKs4M7W0YdqMK8j5d18xwzjwcaemGFCrLbe1CAiDHXwNyCxTbN6WdLCcCSuI=
-----END ENCRYPTED PRIVATE KEY-----`; const open = (passphrase) => c.createPrivateKey({ key, passphrase }); let why; try { open('b'); } catch (error) { why = error.message; }
return [open('p\u{e4}').type, open('p\u{e4}').asymmetricKeyDetails.namedCurve, why]",
            "private,prime256v1,bad decrypt",
        ),
        (
            "const key = c.createPrivateKey(privatePem); const cases = [['pem', 'aes-256-cbc'], ['der', 'AES-192-CBC']]; return cases.map(([format, cipher]) => { const written = key.export({ type: 'pkcs8', format, cipher, passphrase: 'secret' }); return c.createPrivateKey({ key: written, format, type: 'pkcs8', passphrase: 'secret' }).equals(key) })",
            "true,true",
        ),
        (
            "const { privateKey } = c.generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'a' } }); return [privateKey.split('\\n')[0], c.createPublicKey({ key: privateKey, passphrase: 'a' }).type]",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----,public",
        ),
    ]);
}

#[test]
fn what_is_no_key_is_said() {
    check_keys(&[
        (
            "c.createPrivateKey('nonsense')",
            "Error: The PEM cannot be read: it is no key of a kind that is supported here",
        ),
        (
            "c.createPrivateKey('-----BEGIN ENCRYPTED PRIVATE KEY-----\\nAAAA\\n-----END ENCRYPTED PRIVATE KEY-----')",
            "TypeError: Passphrase required for encrypted key",
        ),
        (
            "c.createPrivateKey({ key: '-----BEGIN EC PRIVATE KEY-----\\nProc-Type: 4,ENCRYPTED\\n\\nAAAA\\n-----END EC PRIVATE KEY-----', passphrase: 'a' })",
            "Error: Only keys in PKCS #8 can be encrypted with a passphrase",
        ),
        (
            "c.createPrivateKey(privatePem).export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'a' })",
            "Error: Only keys in PKCS #8 can be encrypted with a passphrase",
        ),
        (
            "c.createPrivateKey(privatePem).export({ type: 'pkcs8', format: 'pem', cipher: 'rot13', passphrase: 'a' })",
            "Error: Unknown cipher",
        ),
        (
            "c.createPrivateKey(privatePem).export({ type: 'pkcs8', format: 'pem', passphrase: 'a' })",
            "TypeError: The property 'options.cipher' is invalid. Received undefined",
        ),
        (
            "c.createPublicKey({ key: { kty: 'EC', crv: 'P-256' }, format: 'jwk' })",
            "TypeError: Invalid JWK data",
        ),
        ("c.sign('sha256', data, publicPem)", "TypeError: Invalid key object type public, expected private."),
        (
            "c.createPublicKey(c.createSecretKey(data))",
            "TypeError: Invalid key object type secret, expected private or public.",
        ),
        ("c.generateKeyPairSync('dsa')", "TypeError: The argument 'type' is invalid. Received 'dsa'"),
        ("c.generateKeyPairSync('ec', { namedCurve: 'secp256k1' })", "TypeError: Invalid EC curve name"),
        (
            "c.generateKeyPairSync('rsa', { modulusLength: 4097 })",
            "RangeError: The value of \"options.modulusLength\" is out of range. It must be >= 1024 && <= 4096. Received 4097",
        ),
    ]);
}

#[test]
fn signatures_hold() {
    check_keys(&[
        (
            "const given = Buffer.from(signature, 'base64'); return [c.verify('sha256', data, publicPem, given), c.verify('sha256', data, privatePem, given), c.verify('sha256', Buffer.from('other'), publicPem, given), c.verify('sha256', data, publicPem, Buffer.from('no signature'))]",
            "true,true,false,false",
        ),
        (
            "return c.sign(null, data, edwards).toString('base64')",
            "2s8/HyeXjR6Rn5NVRDV6bNNKrRyzG/sFSId3N7ZLDl2YBMvdqFkGvs1nGHNOd5B5Uq26aRhF2yec2xdxdNOkCg==",
        ),
        (
            "const signing = c.createSign('SHA256'); signing.write('sig'); signing.end('ned'); const made = signing.sign(privatePem, 'hex'); return [c.createVerify('RSA-SHA256').update('sig').update('ned').verify(publicPem, made, 'hex'), c.createVerify('sha256').update('x').verify(publicPem, made, 'hex')]",
            "true,false",
        ),
        (
            "const { publicKey, privateKey } = c.generateKeyPairSync('rsa', { modulusLength: 1024 }); const salted = (key, saltLength) => ({ key, saltLength, padding: c.constants.RSA_PKCS1_PSS_PADDING }); const made = c.sign('sha256', data, salted(privateKey, 20)); return [20, undefined, 32].map((length) => c.verify('sha256', data, salted(publicKey, length), made))",
            "true,true,false",
        ),
        ("c.sign('sha256', data, edwards)", "Error: Unsupported crypto operation"),
        (
            "const signing = c.createSign('sha256'); signing.sign(privatePem); signing.sign(privatePem)",
            "Error: Signing context has already been finalized",
        ),
    ]);
}

#[test]
fn two_parties_share_secrets() {
    check_keys(&[
        (
            "const { publicKey, privateKey } = c.generateKeyPairSync('rsa', { modulusLength: 2048 }); const options = (key) => ({ key, oaepHash: 'sha256', oaepLabel: Buffer.from('label') }); return `${c.privateDecrypt(options(privateKey), c.publicEncrypt(options(publicKey), data))}`",
            "signed",
        ),
        (
            "c.publicEncrypt({ key: c.generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, padding: c.constants.RSA_PKCS1_PADDING }, data)",
            "Error: RSA padding 1 is not supported: use RSA_PKCS1_OAEP_PADDING",
        ),
        (
            "const [one, other] = [c.createECDH('secp384r1'), c.createECDH('P-384')]; const [first, second] = [one.generateKeys(), other.generateKeys('hex', 'compressed')]; return [one.computeSecret(second, 'hex').equals(other.computeSecret(first)), second.length]",
            "true,98",
        ),
        (
            "const [one, other] = [c.generateKeyPairSync('x25519'), c.generateKeyPairSync('x25519')]; return c.diffieHellman({ privateKey: one.privateKey, publicKey: other.publicKey }).equals(c.diffieHellman({ privateKey: other.privateKey, publicKey: one.publicKey }))",
            "true",
        ),
    ]);
}
