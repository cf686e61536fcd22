//! AES in the modes of Web Crypto. aws-lc's GCM takes nonces of 96 bits and makes tags of 128; the others are put
//! together here from its counter mode and GHASH. Key wrapping is here too, since aws-lc's has no keys of 192 bits.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;

use super::digests::bytes_equal;

pub(super) const BLOCK_BYTES: usize = 16;
pub(super) type Block = [u8; BLOCK_BYTES];

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// The bits of the counter that GCM counts with.
pub(super) const GCM_COUNTER_BITS: u32 = 32;

pub(super) fn cipher_key(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm: &'static Algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

fn block(bytes: &[u8]) -> Option<Block> {
    bytes.try_into().ok()
}

/// CBC with PKCS #7 padding.
pub(super) fn cbc_encrypt(key: &[u8], iv: &[u8], mut data: Vec<u8>) -> Option<Vec<u8>> {
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(cipher_key(key)?).ok()?;
    let iv = EncryptionContext::Iv128(FixedLength::from(block(iv)?));
    key.less_safe_encrypt(&mut data, iv).ok()?;
    Some(data)
}

/// CBC with PKCS #7 padding; nothing if the padding is wrong.
pub(super) fn cbc_decrypt(key: &[u8], iv: &[u8], mut data: Vec<u8>) -> Option<Vec<u8>> {
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(cipher_key(key)?).ok()?;
    let iv = DecryptionContext::Iv128(FixedLength::from(block(iv)?));
    let length = key.decrypt(&mut data, iv).ok()?.len();
    data.truncate(length);
    Some(data)
}

/// Counter mode, where the last `counter_bits` of the counter block count and wrap round. aws-lc counts with all 128
/// of them, so data that crosses the wrap is done in two pieces. Nothing if counters would repeat.
pub(super) fn ctr(key: &[u8], counter: &[u8], counter_bits: u32, mut data: Vec<u8>) -> Option<Vec<u8>> {
    let start = u128::from_be_bytes(block(counter)?);
    let mask = u128::MAX.checked_shr(128 - counter_bits).filter(|_| counter_bits > 0)?;
    let blocks = data.len().div_ceil(BLOCK_BYTES) as u128;
    if blocks > 0 && blocks - 1 > mask {
        return None;
    }
    let before_wrap = (mask - (start & mask)).saturating_add(1);
    let split = usize::try_from(before_wrap.saturating_mul(BLOCK_BYTES as u128)).unwrap_or(usize::MAX);
    let split = split.min(data.len());
    let (first, second) = data.split_at_mut(split);
    apply_counter(key, start, first)?;
    apply_counter(key, start & !mask, second)?;
    Some(data)
}

fn apply_counter(key: &[u8], counter: u128, data: &mut [u8]) -> Option<()> {
    if data.is_empty() {
        return Some(());
    }
    let key = EncryptingKey::ctr(cipher_key(key)?).ok()?;
    let counter = EncryptionContext::Iv128(FixedLength::from(counter.to_be_bytes()));
    key.less_safe_encrypt(data, counter).ok().map(drop)
}

/// AES-GCM under one key and nonce. <https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf>
pub(super) struct Gcm {
    pub(super) key: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    pub(super) additional: Vec<u8>,
    pub(super) tag_bytes: usize,
}

impl Gcm {
    /// The ciphertext and after it the tag.
    pub(super) fn seal(&self, mut data: Vec<u8>) -> Option<Vec<u8>> {
        if let Some((key, nonce)) = self.plain() {
            key.seal_in_place_append_tag(nonce, Aad::from(&self.additional), &mut data).ok()?;
            return Some(data);
        }
        let start = self.first_counter()?;
        let mut sealed = self.encrypt(start, data)?;
        let tag = self.tag(start, &sealed)?;
        sealed.extend_from_slice(tag.get(..self.tag_bytes)?);
        Some(sealed)
    }

    /// The plaintext; nothing if the tag is not that of the ciphertext.
    pub(super) fn open(&self, mut data: Vec<u8>) -> Option<Vec<u8>> {
        if let Some((key, nonce)) = self.plain() {
            let length = key.open_in_place(nonce, Aad::from(&self.additional), &mut data).ok()?.len();
            data.truncate(length);
            return Some(data);
        }
        let start = self.first_counter()?;
        let given = data.split_off(data.len().checked_sub(self.tag_bytes)?);
        let tag = self.tag(start, &data)?;
        if !bytes_equal(tag.get(..self.tag_bytes)?, &given) {
            return None;
        }
        self.encrypt(start, data)
    }

    /// aws-lc's own GCM, where it can be had.
    fn plain(&self) -> Option<(LessSafeKey, Nonce)> {
        let nonce: [u8; NONCE_BYTES] = self.nonce.as_slice().try_into().ok()?;
        let algorithm = match self.key.len() {
            16 => &aead::AES_128_GCM,
            24 => &aead::AES_192_GCM,
            _ => &aead::AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, &self.key).ok().filter(|_| self.tag_bytes == TAG_BYTES)?;
        Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
    }

    /// The standard's J0.
    pub(super) fn first_counter(&self) -> Option<Block> {
        if self.nonce.len() == NONCE_BYTES {
            let mut counter = [0; BLOCK_BYTES];
            counter[..NONCE_BYTES].copy_from_slice(&self.nonce);
            counter[BLOCK_BYTES - 1] = 1;
            return Some(counter);
        }
        self.hash(&[], &self.nonce)
    }

    fn encrypt(&self, start: Block, data: Vec<u8>) -> Option<Vec<u8>> {
        ctr(&self.key, &Self::next_counter(start), GCM_COUNTER_BITS, data)
    }

    /// The counter of the first block of data.
    pub(super) fn next_counter(start: Block) -> Block {
        let [fixed @ .., a, b, c, d] = start;
        let low = u32::from_be_bytes([a, b, c, d]).wrapping_add(1);
        let mut counter = start;
        counter[fixed.len()..].copy_from_slice(&low.to_be_bytes());
        counter
    }

    fn tag(&self, start: Block, sealed: &[u8]) -> Option<Block> {
        let mut tag = self.hash(&self.additional, sealed)?;
        apply_counter(&self.key, u128::from_be_bytes(start), &mut tag)?;
        Some(tag)
    }

    /// GHASH of both, padded, and of their lengths in bits.
    fn hash(&self, first: &[u8], second: &[u8]) -> Option<Block> {
        let mut ghash = self.ghash()?;
        ghash.update_padded(first);
        ghash.update_padded(second);
        ghash.update(&[length_block(first.len() as u64, second.len() as u64).into()]);
        Some(ghash.finalize().into())
    }

    /// GHASH under this key, of nothing so far.
    pub(super) fn ghash(&self) -> Option<GHash> {
        let mut hash_key = [0; BLOCK_BYTES];
        apply_counter(&self.key, 0, &mut hash_key)?;
        Some(GHash::new(&hash_key.into()))
    }
}

/// The last block that GHASH takes: the lengths of both of its parts, given in bytes, in bits.
pub(super) fn length_block(first_bytes: u64, second_bytes: u64) -> Block {
    let mut lengths = [0; BLOCK_BYTES];
    lengths[..8].copy_from_slice(&(first_bytes * 8).to_be_bytes());
    lengths[8..].copy_from_slice(&(second_bytes * 8).to_be_bytes());
    lengths
}

const WRAP_ROUNDS: usize = 6;
const HALF_BYTES: usize = BLOCK_BYTES / 2;
const WRAP_START: [u8; HALF_BYTES] = [0xa6; HALF_BYTES];

/// Key wrapping. <https://www.rfc-editor.org/rfc/rfc3394#section-2.2.1> Nothing if the key is not of at least two
/// whole halves of a block.
pub(super) fn wrap(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let halves = halves_of(data)?;
    let cipher = EncryptingKey::ecb(cipher_key(key)?).ok()?;
    let mut wrapped = [WRAP_START.as_slice(), data].concat();
    for step in 1..=WRAP_ROUNDS * halves {
        let place = ((step - 1) % halves + 1) * HALF_BYTES;
        let mut block = [&wrapped[..HALF_BYTES], &wrapped[place..place + HALF_BYTES]].concat();
        cipher.less_safe_encrypt(&mut block, EncryptionContext::None).ok()?;
        xor(&mut block[..HALF_BYTES], step);
        wrapped[..HALF_BYTES].copy_from_slice(&block[..HALF_BYTES]);
        wrapped[place..place + HALF_BYTES].copy_from_slice(&block[HALF_BYTES..]);
    }
    Some(wrapped)
}

/// The reverse of [`wrap`]; nothing if what was wrapped is not whole.
pub(super) fn unwrap(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let halves = halves_of(data.get(HALF_BYTES..)?)?;
    let cipher = DecryptingKey::ecb(cipher_key(key)?).ok()?;
    let mut unwrapped = data.to_vec();
    for step in (1..=WRAP_ROUNDS * halves).rev() {
        let place = ((step - 1) % halves + 1) * HALF_BYTES;
        let mut block = [&unwrapped[..HALF_BYTES], &unwrapped[place..place + HALF_BYTES]].concat();
        xor(&mut block[..HALF_BYTES], step);
        cipher.decrypt(&mut block, DecryptionContext::None).ok()?;
        unwrapped[..HALF_BYTES].copy_from_slice(&block[..HALF_BYTES]);
        unwrapped[place..place + HALF_BYTES].copy_from_slice(&block[HALF_BYTES..]);
    }
    let start = unwrapped.drain(..HALF_BYTES);
    bytes_equal(start.as_slice(), &WRAP_START).then(|| drop(start))?;
    Some(unwrapped)
}

fn halves_of(data: &[u8]) -> Option<usize> {
    let whole = data.len() >= 2 * HALF_BYTES && data.len().is_multiple_of(HALF_BYTES);
    whole.then_some(data.len() / HALF_BYTES)
}

fn xor(half: &mut [u8], step: usize) {
    for (byte, mask) in half.iter_mut().zip((step as u64).to_be_bytes()) {
        *byte ^= mask;
    }
}
