//! What is to be done with the images of a call, and in which order: Cloudflare's options, read from JSON. Options that
//! hognose does not know are passed over, as Cloudflare does.

use image::{Rgba, RgbaImage};
use serde::Deserialize;
use serde_json::Value;

use super::{ImagesError, STEPS_MAX, adjust, colour, draw, resize};

/// A step, on the images of the call by their numbers.
#[derive(Debug)]
pub(super) enum Step {
    Transform(usize, Box<Transform>),
    Draw { drawn: usize, target: usize, how: Box<draw::Options> },
}

/// Cloudflare's `ImageTransform`, as far as there is something here that does it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Transform {
    pub(super) width: Option<f64>,
    pub(super) height: Option<f64>,
    pub(super) fit: resize::Fit,
    pub(super) gravity: resize::Gravity,
    pub(super) background: Option<String>,
    rotate: Option<u16>,
    flip: Option<String>,
    trim: Option<resize::Trim>,
    border: Option<resize::Border>,
    segment: Option<Value>,
    #[serde(flatten)]
    adjustments: adjust::Adjustments,
}

/// Reads the steps of a call with that many images.
pub(super) fn parse(json: &str, images: usize) -> Result<Vec<Step>, ImagesError> {
    let malformed =
        |error: serde_json::Error| ImagesError::option(format!("The transforms cannot be read: {error}"));
    let steps: Vec<Value> = serde_json::from_str(json).map_err(malformed)?;
    if steps.len() > STEPS_MAX {
        return Err(ImagesError::option(format!("There are more than {STEPS_MAX} transforms in one call")));
    }
    let read = |step: Value| {
        let number = |key: &str| {
            let number = step[key].as_u64().map(|number| number as usize);
            let missing = || ImagesError::Internal(format!("no image has the number {}", step[key]));
            number.filter(|number| *number < images).ok_or_else(missing)
        };
        if step.get("drawImageIndex").is_some() {
            let (drawn, target) = (number("drawImageIndex")?, number("targetImageIndex")?);
            return Ok(Step::Draw { drawn, target, how: serde_json::from_value(step).map_err(malformed)? });
        }
        let index = number("imageIndex")?;
        Ok(Step::Transform(index, serde_json::from_value(step).map_err(malformed)?))
    };
    steps.into_iter().map(read).collect()
}

impl Transform {
    /// Does all of it, in Cloudflare's order: width and height are those after turning.
    pub(super) fn apply(&self, image: RgbaImage) -> Result<RgbaImage, ImagesError> {
        if self.segment.is_some() {
            let why = "\"segment\" needs a model of Cloudflare's and is not there";
            return Err(ImagesError::option(why));
        }
        let background = self.background.as_deref().map(colour::parse).transpose()?;
        let image = match &self.trim {
            Some(trim) => trim.apply(image)?,
            None => image,
        };
        let image = turn(image, self.rotate.unwrap_or(0))?;
        let image = resize::resize(image, self, background)?;
        let image = flip(image, self.flip.as_deref())?;
        let image = self.adjustments.apply(image)?;
        let image = match &self.border {
            Some(border) => border.apply(&image)?,
            None => image,
        };
        Ok(background.map_or_else(|| image.clone(), |background| flatten(&image, background)))
    }
}

fn turn(image: RgbaImage, degrees: u16) -> Result<RgbaImage, ImagesError> {
    match degrees {
        0 | 360 => Ok(image),
        90 => Ok(image::imageops::rotate90(&image)),
        180 => Ok(image::imageops::rotate180(&image)),
        270 => Ok(image::imageops::rotate270(&image)),
        other => {
            Err(ImagesError::option(format!("\"rotate\" should be one of 0, 90, 180 and 270, not {other}")))
        }
    }
}

fn flip(mut image: RgbaImage, axes: Option<&str>) -> Result<RgbaImage, ImagesError> {
    let axes = axes.unwrap_or_default();
    if !matches!(axes, "" | "h" | "v" | "hv" | "vh") {
        return Err(ImagesError::option(format!("\"flip\" should be one of h, v and hv, not {axes}")));
    }
    if axes.contains('h') {
        image::imageops::flip_horizontal_in_place(&mut image);
    }
    if axes.contains('v') {
        image::imageops::flip_vertical_in_place(&mut image);
    }
    Ok(image)
}

/// The image over a colour.
pub(super) fn flatten(image: &RgbaImage, background: Rgba<u8>) -> RgbaImage {
    let mut canvas = RgbaImage::from_pixel(image.width(), image.height(), background);
    image::imageops::overlay(&mut canvas, image, 0, 0);
    canvas
}
