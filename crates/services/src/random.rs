//! Names that nothing else has.

/// 32 hexadecimal digits from the system's randomness.
pub(crate) fn name() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("invariant: the system gives random bytes");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}
