//! Images: what pictures are, and pictures made of others. Everything happens on this machine, in Rust.
//!
//! [`ImagesService`] reads the calls; `read` decodes, `steps` says what Cloudflare's options mean, `resize`, `adjust` and
//! `draw` change pixels, and `write` encodes. Pictures come from anywhere, so each is measured before it is decoded, and
//! the work is done by a few threads of its own.

mod adjust;
mod calls;
mod colour;
mod draw;
mod error;
mod read;
mod resize;
mod steps;
mod write;

pub use calls::ImagesService;
pub use error::ImagesError;

/// The most bytes of all the images of one call, encoded.
pub const IMAGES_MAX_BYTES: usize = 70_000_000;
/// The most pixels of an image, as it comes and at any time between.
pub const PIXELS_MAX: u64 = 40_000_000;
/// The longest side of an image, in pixels.
pub const SIDE_MAX: u32 = 12_000;
/// The most images in one call: the canvas, and what is drawn on it.
pub const SOURCES_MAX: usize = 64;
/// The most steps in one call.
pub const STEPS_MAX: usize = 256;
