//! scrypt: keys from passwords, at a cost in memory. <https://www.rfc-editor.org/rfc/rfc7914>

use super::derivation::pbkdf2;
use super::digests::Hash;

const SALSA_WORDS: usize = 16;
const SALSA_BYTES: usize = SALSA_WORDS * 4;
/// Salsa20/8: eight rounds, two at a time.
const SALSA_DOUBLE_ROUNDS: usize = 4;

/// What a key costs: `rounds` is the standard's N, a power of two.
pub(super) struct Cost {
    pub(super) rounds: usize,
    pub(super) block_size: usize,
    pub(super) parallelization: usize,
}

/// A key of this many bytes. The caller has checked the cost.
pub(super) fn scrypt(password: &[u8], salt: &[u8], cost: &Cost, length: usize) -> Option<Vec<u8>> {
    let block_bytes = 2 * SALSA_BYTES * cost.block_size;
    let mut mixed = pbkdf2(Hash::Sha256, password, salt, 1, block_bytes * cost.parallelization)?;
    for bytes in mixed.chunks_exact_mut(block_bytes) {
        let mut block: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        mix_by_memory(&mut block, cost.rounds);
        for (target, word) in bytes.chunks_exact_mut(4).zip(block) {
            target.copy_from_slice(&word.to_le_bytes());
        }
    }
    pbkdf2(Hash::Sha256, password, &mixed, 1, length)
}

/// The standard's scryptROMix.
fn mix_by_memory(block: &mut [u32], rounds: usize) {
    let words = block.len();
    let mut scratch = vec![0; words];
    let mut memory = Vec::with_capacity(words * rounds);
    for _ in 0..rounds {
        memory.extend_from_slice(block);
        mix(block, &mut scratch);
    }
    for _ in 0..rounds {
        let place = block[words - SALSA_WORDS] as usize % rounds;
        xor(block, &memory[place * words..][..words]);
        mix(block, &mut scratch);
    }
}

/// The standard's scryptBlockMix: the even parts of the result come first.
fn mix(block: &mut [u32], scratch: &mut [u32]) {
    let parts = block.len() / SALSA_WORDS;
    let mut last = [0; SALSA_WORDS];
    last.copy_from_slice(&block[block.len() - SALSA_WORDS..]);
    for (index, part) in block.chunks_exact(SALSA_WORDS).enumerate() {
        xor(&mut last, part);
        salsa(&mut last);
        let place = (index % 2 * parts / 2 + index / 2) * SALSA_WORDS;
        scratch[place..place + SALSA_WORDS].copy_from_slice(&last);
    }
    block.copy_from_slice(scratch);
}

fn xor(target: &mut [u32], mask: &[u32]) {
    target.iter_mut().zip(mask).for_each(|(word, mask)| *word ^= mask);
}

/// The four words that each quarter of a double round works on: columns, then rows.
const QUARTERS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [5, 9, 13, 1],
    [10, 14, 2, 6],
    [15, 3, 7, 11],
    [0, 1, 2, 3],
    [5, 6, 7, 4],
    [10, 11, 8, 9],
    [15, 12, 13, 14],
];

fn salsa(words: &mut [u32; SALSA_WORDS]) {
    let mut state = *words;
    for _ in 0..SALSA_DOUBLE_ROUNDS {
        for [a, b, c, d] in QUARTERS {
            state[b] ^= state[a].wrapping_add(state[d]).rotate_left(7);
            state[c] ^= state[b].wrapping_add(state[a]).rotate_left(9);
            state[d] ^= state[c].wrapping_add(state[b]).rotate_left(13);
            state[a] ^= state[d].wrapping_add(state[c]).rotate_left(18);
        }
    }
    words.iter_mut().zip(state).for_each(|(word, mixed)| *word = word.wrapping_add(mixed));
}
