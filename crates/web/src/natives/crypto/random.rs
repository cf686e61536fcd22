//! Randomness for the RustCrypto crates, from aws-lc: its generator is seeded anew in every fork.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};

/// A generator fit for keys.
pub(super) struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        aws_lc_rs::rand::fill(bytes).expect("invariant: the kernel gives randomness");
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}
