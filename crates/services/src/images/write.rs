//! Encoding, into the formats that there are.

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, Frame, RgbaImage};
use serde::Deserialize;

use super::steps::flatten;
use super::{ImagesError, colour};

/// Cloudflare's `ImageOutputOptions`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Output {
    format: Option<String>,
    quality: Option<f64>,
    background: Option<String>,
}

/// Of a JPEG where nobody says otherwise, as at Cloudflare.
const QUALITY: f64 = 85.0;

/// What an image becomes: its type, and its bytes.
pub(super) fn encode(image: RgbaImage, output: &Output) -> Result<(String, Vec<u8>), ImagesError> {
    let background = output.background.as_deref().map(colour::parse).transpose()?;
    let image = background.map_or(image.clone(), |background| flatten(&image, background));
    let format = output.format.as_deref().unwrap_or("image/jpeg");
    let bytes = match format {
        "image/png" => png(image)?,
        "image/jpeg" => jpeg(&image, quality(output.quality)?)?,
        "image/webp" => webp(image)?,
        "image/gif" => gif(image)?,
        "rgb" => DynamicImage::ImageRgba8(image).into_rgb8().into_raw(),
        "rgba" => image.into_raw(),
        other => return Err(unknown(other)),
    };
    let content_type =
        if matches!(format, "rgb" | "rgba") { format!("image/{format}") } else { format.to_owned() };
    Ok((content_type, bytes))
}

fn unknown(format: &str) -> ImagesError {
    let formats = "image/png, image/jpeg, image/webp, image/gif, rgb and rgba";
    ImagesError::Format(format!("Output in {format} is not there; there are {formats}"))
}

fn quality(given: Option<f64>) -> Result<u8, ImagesError> {
    let quality = given.unwrap_or(QUALITY);
    if (1.0..=100.0).contains(&quality) {
        return Ok(quality.round() as u8);
    }
    Err(ImagesError::option(format!("\"quality\" should be from 1 to 100, not {quality}")))
}

fn png(image: RgbaImage) -> Result<Vec<u8>, ImagesError> {
    let mut bytes = Vec::new();
    without_needless_alpha(image).write_with_encoder(PngEncoder::new(&mut bytes))?;
    Ok(bytes)
}

/// There is no transparency in a JPEG: what lies below is white.
fn jpeg(image: &RgbaImage, quality: u8) -> Result<Vec<u8>, ImagesError> {
    let mut bytes = Vec::new();
    let rgb = DynamicImage::ImageRgba8(flatten(image, colour::WHITE)).into_rgb8();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder.encode(&rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

/// Always without loss: there is no other encoder.
fn webp(image: RgbaImage) -> Result<Vec<u8>, ImagesError> {
    let mut bytes = Vec::new();
    without_needless_alpha(image).write_with_encoder(WebPEncoder::new_lossless(&mut bytes))?;
    Ok(bytes)
}

fn gif(image: RgbaImage) -> Result<Vec<u8>, ImagesError> {
    let mut bytes = Vec::new();
    GifEncoder::new(&mut bytes).encode_frame(Frame::new(image))?;
    Ok(bytes)
}

fn without_needless_alpha(image: RgbaImage) -> DynamicImage {
    let is_opaque = image.pixels().all(|pixel| pixel[3] == 255);
    let image = DynamicImage::ImageRgba8(image);
    if is_opaque { DynamicImage::ImageRgb8(image.into_rgb8()) } else { image }
}
