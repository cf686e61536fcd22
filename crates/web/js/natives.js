// What JavaScript cannot do, or not quickly: URL parsing, text codecs, random bytes, and everything that
// reaches outside. Rust (src/natives.rs) puts these functions on one global for the moment of loading.

export const natives = globalThis.hognoseNatives;
delete globalThis.hognoseNatives;
