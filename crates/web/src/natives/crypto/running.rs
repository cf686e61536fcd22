//! AES fed piece by piece, for the ciphers of `node:crypto`: what comes out is what can be said for certain so far.

use aws_lc_rs::cipher::{DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext};
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;

use super::ciphers::{self, BLOCK_BYTES, Block, GCM_COUNTER_BITS, Gcm, cipher_key};

/// The bits of the counter of plain counter mode: all of its block.
const CTR_COUNTER_BITS: u32 = 128;

/// A cipher under way.
pub(super) struct Running {
    key: Vec<u8>,
    decrypts: bool,
    mode: Mode,
}

enum Mode {
    Blocks(Blocks),
    Counting(Counting),
    Tagged(Counting, Tagging),
}

impl Running {
    /// In the mode of this name: `cbc`, `ecb`, `ctr` or `gcm`. `additional` is what GCM's tag vouches for besides. Nothing
    /// if key or start are of a wrong length.
    pub(super) fn new(mode: &str, decrypts: bool, key: &[u8], iv: &[u8], additional: &[u8]) -> Option<Self> {
        cipher_key(key)?;
        let mode = match mode {
            "cbc" => Mode::Blocks(Blocks { previous: Some(iv.try_into().ok()?), held: Vec::new() }),
            "ecb" => Mode::Blocks(Blocks { previous: None, held: Vec::new() }),
            "ctr" => Mode::Counting(Counting::new(iv.try_into().ok()?, CTR_COUNTER_BITS)),
            "gcm" => {
                let gcm = Gcm {
                    key: key.to_vec(),
                    nonce: iv.to_vec(),
                    additional: Vec::new(),
                    tag_bytes: BLOCK_BYTES,
                };
                let start = gcm.first_counter()?;
                let counting = Counting::new(Gcm::next_counter(start), GCM_COUNTER_BITS);
                Mode::Tagged(counting, Tagging::new(&gcm, start, additional)?)
            }
            _ => return None,
        };
        Some(Self { key: key.to_vec(), decrypts, mode })
    }

    /// What more data gives.
    pub(super) fn update(&mut self, data: &[u8], padded: bool) -> Option<Vec<u8>> {
        match &mut self.mode {
            Mode::Blocks(blocks) => blocks.update(&self.key, self.decrypts, data, padded),
            Mode::Counting(counting) => counting.apply(&self.key, data),
            Mode::Tagged(counting, tagging) if self.decrypts => {
                tagging.update(data);
                counting.apply(&self.key, data)
            }
            Mode::Tagged(counting, tagging) => {
                let sealed = counting.apply(&self.key, data)?;
                tagging.update(&sealed);
                Some(sealed)
            }
        }
    }

    /// What the end gives. Nothing if there are not whole blocks, or if the padding is wrong.
    pub(super) fn finish(&mut self, padded: bool) -> Option<Vec<u8>> {
        match &mut self.mode {
            Mode::Blocks(blocks) => blocks.finish(&self.key, self.decrypts, padded),
            Mode::Counting(_) | Mode::Tagged(..) => Some(Vec::new()),
        }
    }

    /// GCM's tag of all there was.
    pub(super) fn tag(&self) -> Option<Vec<u8>> {
        match &self.mode {
            Mode::Tagged(_, tagging) => Some(tagging.tag().to_vec()),
            Mode::Blocks(_) | Mode::Counting(_) => None,
        }
    }
}

/// CBC or, without a previous block, ECB.
struct Blocks {
    previous: Option<Block>,
    held: Vec<u8>,
}

impl Blocks {
    fn update(&mut self, key: &[u8], decrypts: bool, data: &[u8], padded: bool) -> Option<Vec<u8>> {
        self.held.extend_from_slice(data);
        let mut whole = self.held.len() / BLOCK_BYTES * BLOCK_BYTES;
        // The last block may be the one with the padding.
        if decrypts && padded && whole == self.held.len() {
            whole = whole.saturating_sub(BLOCK_BYTES);
        }
        let rest = self.held.split_off(whole);
        let blocks = std::mem::replace(&mut self.held, rest);
        self.apply(key, decrypts, blocks)
    }

    fn finish(&mut self, key: &[u8], decrypts: bool, padded: bool) -> Option<Vec<u8>> {
        let mut last = std::mem::take(&mut self.held);
        if padded && !decrypts {
            let missing = BLOCK_BYTES - last.len();
            last.resize(BLOCK_BYTES, u8::try_from(missing).ok()?);
        }
        if !last.len().is_multiple_of(BLOCK_BYTES) || (padded && last.is_empty()) {
            return None;
        }
        let mut result = self.apply(key, decrypts, last)?;
        if padded && decrypts {
            let padding = usize::from(*result.last()?);
            let content =
                result.len().checked_sub(padding).filter(|_| (1..=BLOCK_BYTES).contains(&padding))?;
            result[content..].iter().all(|byte| usize::from(*byte) == padding).then_some(())?;
            result.truncate(content);
        }
        Some(result)
    }

    fn apply(&mut self, key: &[u8], decrypts: bool, blocks: Vec<u8>) -> Option<Vec<u8>> {
        match (blocks.is_empty(), decrypts) {
            (true, _) => Some(blocks),
            (false, true) => self.decrypt(key, blocks),
            (false, false) => self.encrypt(key, blocks),
        }
    }

    fn encrypt(&mut self, key: &[u8], mut blocks: Vec<u8>) -> Option<Vec<u8>> {
        let Some(previous) = &mut self.previous else {
            let key = EncryptingKey::ecb(cipher_key(key)?).ok()?;
            key.less_safe_encrypt(&mut blocks, EncryptionContext::None).ok()?;
            return Some(blocks);
        };
        let length = blocks.len();
        let mut encrypted = ciphers::cbc_encrypt(key, previous, blocks)?;
        // aws-lc pads always; whole blocks get a further one.
        encrypted.truncate(length);
        *previous = encrypted[length - BLOCK_BYTES..].try_into().ok()?;
        Some(encrypted)
    }

    fn decrypt(&mut self, key: &[u8], blocks: Vec<u8>) -> Option<Vec<u8>> {
        let mut decrypted = blocks.clone();
        let key = DecryptingKey::ecb(cipher_key(key)?).ok()?;
        key.decrypt(&mut decrypted, DecryptionContext::None).ok()?;
        if let Some(previous) = &mut self.previous {
            let masks = previous.iter().chain(&blocks);
            decrypted.iter_mut().zip(masks).for_each(|(byte, mask)| *byte ^= mask);
            *previous = blocks[blocks.len() - BLOCK_BYTES..].try_into().ok()?;
        }
        Some(decrypted)
    }
}

/// Counter mode, where the last `counter_bits` of the block count.
struct Counting {
    block: u128,
    /// The bytes of the block that have been used.
    used: usize,
    counter_bits: u32,
}

impl Counting {
    fn new(start: Block, counter_bits: u32) -> Self {
        Self { block: u128::from_be_bytes(start), used: 0, counter_bits }
    }

    fn apply(&mut self, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let mut aligned = vec![0; self.used];
        aligned.extend_from_slice(data);
        let total = aligned.len();
        let mut result = ciphers::ctr(key, &self.block.to_be_bytes(), self.counter_bits, aligned)?;
        result.drain(..self.used);
        let mask = u128::MAX >> (128 - self.counter_bits);
        let next = self.block.wrapping_add((total / BLOCK_BYTES) as u128);
        self.block = (self.block & !mask) | (next & mask);
        self.used = total % BLOCK_BYTES;
        Some(result)
    }
}

/// GCM's tag while it grows.
struct Tagging {
    ghash: GHash,
    /// What is left of whole blocks.
    held: Vec<u8>,
    additional_bytes: u64,
    sealed_bytes: u64,
    /// What the hash is encrypted with.
    mask: Block,
}

impl Tagging {
    fn new(gcm: &Gcm, start: Block, additional: &[u8]) -> Option<Self> {
        let mut ghash = gcm.ghash()?;
        ghash.update_padded(additional);
        let mask = ciphers::ctr(&gcm.key, &start, CTR_COUNTER_BITS, vec![0; BLOCK_BYTES])?.try_into().ok()?;
        let additional_bytes = additional.len() as u64;
        Some(Self { ghash, held: Vec::new(), additional_bytes, sealed_bytes: 0, mask })
    }

    fn update(&mut self, sealed: &[u8]) {
        self.held.extend_from_slice(sealed);
        let rest = self.held.split_off(self.held.len() / BLOCK_BYTES * BLOCK_BYTES);
        self.ghash.update_padded(&self.held);
        self.held = rest;
        self.sealed_bytes += sealed.len() as u64;
    }

    fn tag(&self) -> Block {
        let mut ghash = self.ghash.clone();
        ghash.update_padded(&self.held);
        let lengths = ciphers::length_block(self.additional_bytes, self.sealed_bytes);
        ghash.update(&[lengths.into()]);
        let mut tag: Block = ghash.finalize().into();
        tag.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}
