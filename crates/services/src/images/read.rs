//! Decoding: which format it is, how large, and the pixels.

use std::io::Cursor;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use hognose_wire::images::{Info, Raster, Source};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbaImage};

use super::{ImagesError, PIXELS_MAX, SIDE_MAX, SOURCES_MAX};

/// The formats that are decoded.
const FORMATS: [ImageFormat; 4] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif];
/// How far into a file an SVG's first tag is looked for, in bytes.
const SVG_SEARCHED: usize = 1024;
/// What decoding may take, in bytes: the most pixels, with four channels of 16 bits.
const DECODED_MAX_BYTES: u64 = 8 * PIXELS_MAX;
/// With or without the signs at the end, as other decoders take it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The images of a body, one after the other.
pub(super) fn split(mut body: Bytes, sources: &[Source]) -> Result<Vec<Bytes>, ImagesError> {
    if sources.len() > SOURCES_MAX {
        return Err(ImagesError::option(format!("There are more than {SOURCES_MAX} images in one call")));
    }
    let missing = || ImagesError::Internal("the images are not as long as was said".to_owned());
    sources
        .iter()
        .map(|source| {
            let length = source.length as usize;
            let bytes = (length <= body.len()).then(|| body.split_to(length)).ok_or_else(missing)?;
            if source.is_base64 { from_base64(&bytes) } else { Ok(bytes) }
        })
        .collect()
}

fn from_base64(text: &[u8]) -> Result<Bytes, ImagesError> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let decoded = BASE64.decode(text);
    decoded.map(Bytes::from).map_err(|error| ImagesError::NotAnImage(format!("not in Base64: {error}")))
}

/// What the image is, without decoding its pixels.
pub(super) fn info(bytes: &[u8]) -> Result<Info, ImagesError> {
    if is_svg(bytes) {
        return Ok(Info { format: "image/svg+xml".to_owned(), raster: None });
    }
    let format = format_of(bytes)?;
    let (width, height) = reader(bytes, format).into_dimensions()?;
    let raster = Raster { file_size: bytes.len() as u32, width, height };
    Ok(Info { format: format.to_mime_type().to_owned(), raster: Some(raster) })
}

/// The pixels, upright. Of a moving picture the first ones.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbaImage, ImagesError> {
    if is_svg(bytes) {
        return Err(ImagesError::Format("SVG is not drawn by hognose; send a PNG of it".to_owned()));
    }
    let mut reader = reader(bytes, format_of(bytes)?);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(DECODED_MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    let orientation = decoder.orientation()?;
    let mut decoded = DynamicImage::from_decoder(decoder)?;
    decoded.apply_orientation(orientation);
    Ok(decoded.into_rgba8())
}

/// Whether an image of that size is taken.
pub(super) fn check_size(width: u64, height: u64) -> Result<(), ImagesError> {
    let fits = width.max(height) <= SIDE_MAX.into() && width * height <= PIXELS_MAX;
    if fits { Ok(()) } else { Err(ImagesError::TooManyPixels { width, height }) }
}

fn reader(bytes: &[u8], format: ImageFormat) -> ImageReader<Cursor<&[u8]>> {
    ImageReader::with_format(Cursor::new(bytes), format)
}

fn format_of(bytes: &[u8]) -> Result<ImageFormat, ImagesError> {
    let unknown = |_| ImagesError::NotAnImage("their format is not known".to_owned());
    let format = image::guess_format(bytes).map_err(unknown)?;
    if FORMATS.contains(&format) {
        return Ok(format);
    }
    let name = format.to_mime_type();
    Err(ImagesError::Format(format!(
        "Unsupported image type {name}, expected one of: JPEG, PNG, WebP or GIF"
    )))
}

fn is_svg(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(SVG_SEARCHED)]);
    let text = start.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('<') && text.contains("<svg")
}
