//! The vocabulary of an Images capability. Methods: `info`, `transform`. What each means is in Cloudflare's documentation
//! of the Images binding.
//!
//! `info` takes [`Source`]s of one image and gives an [`Info`]. `transform` takes a [`Transform`] and gives a
//! [`Transformed`] with the bytes beside it. In both, body 0 is the images, one after the other.

use serde::{Deserialize, Serialize};

/// An image among those of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// How many bytes it has.
    pub length: u32,
    /// Whether they are in Base64.
    pub is_base64: bool,
}

/// What an image is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// `image/png` ...
    pub format: String,
    /// What only pictures made of pixels have.
    pub raster: Option<Raster>,
}

/// The measures of a picture made of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raster {
    /// The size of the file, in bytes.
    pub file_size: u32,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// The parameters of `transform`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transform<'a> {
    /// The images: the first is the canvas, the others are drawn.
    pub sources: Vec<Source>,
    /// JSON of a list of steps: `{ imageIndex, ... }` transforms that image, `{ drawImageIndex, targetImageIndex, ... }`
    /// draws one on another.
    #[serde(borrow)]
    pub steps: &'a str,
    /// JSON of the options of the output: `format`, `quality`, `background`.
    pub output: &'a str,
}

/// What `transform` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transformed {
    /// Of the bytes.
    pub content_type: String,
}
