//! What goes wrong with images, by Cloudflare's numbers.

use image::ImageError;

use super::{IMAGES_MAX_BYTES, PIXELS_MAX, SIDE_MAX};

/// Why there is no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImagesError {
    /// An option that is none, or does not fit the others.
    #[error("ERROR 9401: {0}")]
    Option(String),
    /// More bytes than are taken.
    #[error("ERROR 9402: The images have more than {IMAGES_MAX_BYTES} bytes")]
    TooLarge,
    /// Bytes that are no image.
    #[error("ERROR 9412: Expected an image, but the bytes are none: {0}")]
    NotAnImage(String),
    /// More pixels than are taken.
    #[error(
        "ERROR 9413: An image of {width} x {height} pixels is too large: at most {PIXELS_MAX} pixels, and {SIDE_MAX} a \
         side"
    )]
    TooManyPixels {
        /// In pixels.
        width: u64,
        /// In pixels.
        height: u64,
    },
    /// A format that is not read or written here.
    #[error("ERROR 9520: {0}")]
    Format(String),
    /// What should not happen.
    #[error("ERROR 9523: {0}")]
    Internal(String),
}

impl ImagesError {
    /// An option that cannot be used.
    pub(super) fn option(why: impl Into<String>) -> Self {
        Self::Option(why.into())
    }
}

impl From<ImageError> for ImagesError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Unsupported(_) => Self::Format(format!("Unsupported image: {error}")),
            ImageError::Encoding(_) => Self::Internal(error.to_string()),
            _ => Self::NotAnImage(error.to_string()),
        }
    }
}
