//! The platform as scripts see it: each test runs JavaScript against a host made of lists.
#![expect(clippy::unwrap_used, reason = "a test that unwraps in vain has failed")]

mod basics;
mod crypto;
mod flags;
mod harness;
mod html_rewriter;
mod messages;
mod messaging;
mod node_crypto;
mod node_keys;
mod node_modules;
mod node_streams;
mod node_texts;
mod packing;
mod patterns;
mod performance;
mod streams;
mod values;
