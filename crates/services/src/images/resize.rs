//! Where the edges of an image are: `width`, `height` with `fit` and `gravity`, `trim` and `border`.

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};
use serde::Deserialize;

use super::read::check_size;
use super::steps::Transform;
use super::{ImagesError, colour};

/// How a size that is asked for is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fit {
    /// Inside, and never larger than the image is.
    #[default]
    ScaleDown,
    /// Inside.
    Contain,
    /// All of it, what stands over is cut off.
    Cover,
    /// The same, never larger than the image is.
    Crop,
    /// Inside, the rest in the background's colour.
    Pad,
    /// All of it, out of shape.
    Squeeze,
}

/// Which part of the image stays where some is cut off.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Gravity {
    #[default]
    Center,
    Named(String),
    Point {
        #[serde(default)]
        x: Option<f64>,
        #[serde(default)]
        y: Option<f64>,
        #[serde(default)]
        mode: Option<String>,
    },
}

impl Gravity {
    /// Where a part of `inner` begins within `outer`, along both axes.
    fn place(&self, outer: (u32, u32), inner: (u32, u32)) -> (u32, u32) {
        let (x, y, centred) = match self {
            Self::Center => (0.5, 0.5, false),
            Self::Named(name) => match name.as_str() {
                "left" => (0.0, 0.5, false),
                "right" => (1.0, 0.5, false),
                "top" => (0.5, 0.0, false),
                "bottom" => (0.5, 1.0, false),
                // What looks for faces and details is a model of Cloudflare's.
                _ => (0.5, 0.5, false),
            },
            Self::Point { x, y, mode } => {
                (x.unwrap_or(0.5), y.unwrap_or(0.5), mode.as_deref() == Some("box-center"))
            }
        };
        (along(outer.0, inner.0, x, centred), along(outer.1, inner.1, y, centred))
    }
}

fn along(outer: u32, inner: u32, at: f64, centred: bool) -> u32 {
    let room = f64::from(outer.saturating_sub(inner));
    let start = if centred { f64::from(outer) * at - f64::from(inner) / 2.0 } else { room * at };
    start.round().clamp(0.0, room) as u32
}

/// The image in the size that is asked for.
pub(super) fn resize(
    image: RgbaImage,
    how: &Transform,
    background: Option<Rgba<u8>>,
) -> Result<RgbaImage, ImagesError> {
    let given = image.dimensions();
    let (Some(width), Some(height)) = (side("width", how.width)?, side("height", how.height)?) else {
        return scale_to_one_side(image, how);
    };
    let (within, over) = (scale(given, (width, height), f64::min), scale(given, (width, height), f64::max));
    match how.fit {
        Fit::ScaleDown => sized(image, scaled(given, within.min(1.0))),
        Fit::Contain => sized(image, scaled(given, within)),
        Fit::Squeeze => sized(image, (width, height)),
        Fit::Cover => cut(sized(image, scaled(given, over))?, (width, height), &how.gravity),
        Fit::Crop => {
            let wanted = (width.min(given.0), height.min(given.1));
            let over = scale(given, wanted, f64::max);
            cut(sized(image, scaled(given, over))?, wanted, &how.gravity)
        }
        Fit::Pad => {
            let inner = sized(image, scaled(given, within))?;
            let mut canvas = blank((width, height), background.unwrap_or(colour::WHITE))?;
            let (x, y) = how.gravity.place((width, height), inner.dimensions());
            imageops::overlay(&mut canvas, &inner, x.into(), y.into());
            Ok(canvas)
        }
    }
}

/// With one side given, the other follows.
fn scale_to_one_side(image: RgbaImage, how: &Transform) -> Result<RgbaImage, ImagesError> {
    let given = image.dimensions();
    let factor = match (side("width", how.width)?, side("height", how.height)?) {
        (Some(width), _) => f64::from(width) / f64::from(given.0),
        (_, Some(height)) => f64::from(height) / f64::from(given.1),
        (None, None) => return Ok(image),
    };
    let enlarges = !matches!(how.fit, Fit::ScaleDown | Fit::Crop);
    sized(image, scaled(given, if enlarges { factor } else { factor.min(1.0) }))
}

fn side(name: &str, given: Option<f64>) -> Result<Option<u32>, ImagesError> {
    let Some(given) = given else { return Ok(None) };
    if given < 1.0 || !given.is_finite() {
        return Err(ImagesError::option(format!("\"{name}\" should be at least 1, not {given}")));
    }
    Ok(Some(given.round() as u32))
}

fn scale(given: (u32, u32), wanted: (u32, u32), choose: fn(f64, f64) -> f64) -> f64 {
    choose(f64::from(wanted.0) / f64::from(given.0), f64::from(wanted.1) / f64::from(given.1))
}

fn scaled((width, height): (u32, u32), factor: f64) -> (u32, u32) {
    let side = |side: u32| (f64::from(side) * factor).round().max(1.0) as u32;
    (side(width), side(height))
}

fn sized(image: RgbaImage, (width, height): (u32, u32)) -> Result<RgbaImage, ImagesError> {
    check_size(width.into(), height.into())?;
    if image.dimensions() == (width, height) {
        return Ok(image);
    }
    Ok(imageops::resize(&image, width, height, FilterType::Lanczos3))
}

fn cut(image: RgbaImage, wanted: (u32, u32), gravity: &Gravity) -> Result<RgbaImage, ImagesError> {
    let (width, height) = (wanted.0.min(image.width()), wanted.1.min(image.height()));
    let (x, y) = gravity.place(image.dimensions(), (width, height));
    // Rounding may have left a side one pixel short.
    sized(imageops::crop_imm(&image, x, y, width, height).to_image(), wanted)
}

/// A canvas of one colour.
pub(super) fn blank((width, height): (u32, u32), colour: Rgba<u8>) -> Result<RgbaImage, ImagesError> {
    check_size(width.into(), height.into())?;
    Ok(RgbaImage::from_pixel(width, height, colour))
}

/// What is cut off: so many pixels of each side, all but a part, or a border of one colour.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Trim {
    Word(String),
    Sides {
        #[serde(default)]
        top: u32,
        #[serde(default)]
        bottom: u32,
        #[serde(default)]
        left: u32,
        #[serde(default)]
        right: u32,
        #[serde(default)]
        width: Option<u32>,
        #[serde(default)]
        height: Option<u32>,
        #[serde(default)]
        border: Option<serde_json::Value>,
    },
}

/// By how much a channel of a border may differ from its corner's.
const TOLERANCE: u8 = 10;

impl Trim {
    pub(super) fn apply(&self, image: RgbaImage) -> Result<RgbaImage, ImagesError> {
        let nothing_left = || ImagesError::option("\"trim\" leaves nothing of the image");
        let (whole_width, whole_height) = image.dimensions();
        let (x, y, width, height) = match self {
            Self::Word(word) if word == "border" => inside_border(&image, TOLERANCE),
            Self::Word(word) => {
                return Err(ImagesError::option(format!(
                    "\"trim\" should be sides or \"border\", not {word}"
                )));
            }
            Self::Sides { border: Some(border), .. } if *border != serde_json::Value::Bool(false) => {
                let tolerance = border["tolerance"].as_u64().map_or(TOLERANCE, |most| most.min(255) as u8);
                inside_border(&image, tolerance)
            }
            Self::Sides { top, bottom, left, right, width, height, .. } => {
                let rest = |whole: u32, before: u32, after: u32, given: Option<u32>| {
                    let rest = whole.checked_sub(before)?;
                    let kept =
                        given.map_or_else(|| rest.checked_sub(after), |given| Some(given.min(rest)))?;
                    (kept > 0).then_some(kept)
                };
                let width = rest(whole_width, *left, *right, *width).ok_or_else(nothing_left)?;
                let height = rest(whole_height, *top, *bottom, *height).ok_or_else(nothing_left)?;
                (*left, *top, width, height)
            }
        };
        Ok(imageops::crop_imm(&image, x, y, width, height).to_image())
    }
}

/// The part within what has the colour of the first pixel; all of it where nothing else is there.
fn inside_border(image: &RgbaImage, tolerance: u8) -> (u32, u32, u32, u32) {
    let corner = *image.get_pixel(0, 0);
    let differs =
        |pixel: &Rgba<u8>| (0..4).any(|channel| pixel[channel].abs_diff(corner[channel]) > tolerance);
    let (width, height) = image.dimensions();
    let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
    for (x, y, _) in image.enumerate_pixels().filter(|(_, _, pixel)| differs(pixel)) {
        (left, top) = (left.min(x), top.min(y));
        (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
    }
    if right == 0 { (0, 0, width, height) } else { (left, top, right - left, bottom - top) }
}

/// Stripes beside the image.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Border {
    color: Option<String>,
    width: u32,
    top: Option<u32>,
    bottom: Option<u32>,
    left: Option<u32>,
    right: Option<u32>,
}

impl Border {
    pub(super) fn apply(&self, image: &RgbaImage) -> Result<RgbaImage, ImagesError> {
        let colour = self.color.as_deref().map_or(Ok(colour::TRANSPARENT), colour::parse)?;
        let side = |given: Option<u32>| given.unwrap_or(self.width);
        let (left, top) = (side(self.left), side(self.top));
        let grown = |size: u32, before: u32, after: u32| size.saturating_add(before).saturating_add(after);
        let width = grown(image.width(), left, side(self.right));
        let height = grown(image.height(), top, side(self.bottom));
        let mut canvas = blank((width, height), colour)?;
        imageops::overlay(&mut canvas, image, left.into(), top.into());
        Ok(canvas)
    }
}
