//! Drawing one image on another: where it goes, and what becomes of the pixels below (Porter and Duff's operators).

use image::{Rgba, RgbaImage, imageops};
use serde::Deserialize;
use serde_json::Value;

use super::resize::blank;
use super::{ImagesError, SIDE_MAX, colour};

/// Cloudflare's `ImageDrawOptions`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    opacity: Option<f32>,
    /// `true`, `"x"` or `"y"`.
    repeat: Option<Value>,
    top: Option<f64>,
    left: Option<f64>,
    bottom: Option<f64>,
    right: Option<f64>,
    composite: Composite,
}

/// What becomes of the two images.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Composite {
    #[default]
    Over,
    In,
    Atop,
    Out,
    Xor,
    Lighter,
}

impl Composite {
    /// How much of the upper and of the lower pixel stays, by the opacity of both.
    fn shares(self, upper: f32, lower: f32) -> (f32, f32) {
        match self {
            Self::Over => (1.0, 1.0 - upper),
            Self::In => (lower, 0.0),
            Self::Atop => (lower, 1.0 - upper),
            Self::Out => (1.0 - lower, 0.0),
            Self::Xor => (1.0 - lower, 1.0 - upper),
            Self::Lighter => (1.0, 1.0),
        }
    }
}

/// Draws `drawn` on `canvas`.
pub(super) fn draw(canvas: &mut RgbaImage, drawn: &RgbaImage, how: &Options) -> Result<(), ImagesError> {
    let opacity = how.opacity.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&opacity) {
        return Err(ImagesError::option(format!("\"opacity\" should be from 0 to 1, not {opacity}")));
    }
    let mut layer = blank(canvas.dimensions(), colour::TRANSPARENT)?;
    let (across, down) = repeats(how.repeat.as_ref())?;
    let x = offset(("left", how.left), ("right", how.right), canvas.width(), drawn.width())?;
    let y = offset(("top", how.top), ("bottom", how.bottom), canvas.height(), drawn.height())?;
    for y in positions(y, drawn.height(), canvas.height(), down) {
        for x in positions(x, drawn.width(), canvas.width(), across) {
            imageops::replace(&mut layer, drawn, x, y);
        }
    }
    for (lower, upper) in canvas.pixels_mut().zip(layer.pixels()) {
        *lower = blend(*upper, *lower, opacity, how.composite);
    }
    Ok(())
}

/// Along which axes the image is repeated: across, down.
fn repeats(given: Option<&Value>) -> Result<(bool, bool), ImagesError> {
    match given {
        None | Some(Value::Null | Value::Bool(false)) => Ok((false, false)),
        Some(Value::Bool(true)) => Ok((true, true)),
        Some(Value::String(axis)) if axis == "x" => Ok((true, false)),
        Some(Value::String(axis)) if axis == "y" => Ok((false, true)),
        Some(other) => {
            Err(ImagesError::option(format!("\"repeat\" should be true, \"x\" or \"y\", not {other}")))
        }
    }
}

/// Where the image begins along one axis: in the middle, unless a side says otherwise.
fn offset(
    (before, from_start): (&str, Option<f64>),
    (after, from_end): (&str, Option<f64>),
    canvas: u32,
    drawn: u32,
) -> Result<i64, ImagesError> {
    let room = i64::from(canvas) - i64::from(drawn);
    match (from_start, from_end) {
        (Some(_), Some(_)) => {
            Err(ImagesError::option(format!("\"{before}\" and \"{after}\" cannot both be given")))
        }
        (Some(distance), None) => Ok(pixels(distance)),
        (None, Some(distance)) => Ok(room - pixels(distance)),
        (None, None) => Ok(room / 2),
    }
}

/// A distance; what is farther away than any image is wide is out of sight either way.
fn pixels(distance: f64) -> i64 {
    let most = f64::from(2 * SIDE_MAX);
    distance.round().clamp(-most, most) as i64
}

/// Every place along one axis, the first one at or before the edge where it repeats.
fn positions(at: i64, step: u32, end: u32, repeats: bool) -> Vec<i64> {
    if !repeats {
        return vec![at];
    }
    let step = i64::from(step);
    let first = at.rem_euclid(step);
    let first = if first > 0 { first - step } else { first };
    (first..i64::from(end)).step_by(step as usize).collect()
}

fn blend(upper: Rgba<u8>, lower: Rgba<u8>, opacity: f32, composite: Composite) -> Rgba<u8> {
    let share = |alpha: u8| f32::from(alpha) / 255.0;
    let (above, below) = (share(upper[3]) * opacity, share(lower[3]));
    let (keep_upper, keep_lower) = composite.shares(above, below);
    let (upper_part, lower_part) = (above * keep_upper, below * keep_lower);
    let alpha = upper_part + lower_part;
    if alpha <= 0.0 {
        return colour::TRANSPARENT;
    }
    // Where both count in full, colours add up and so does opacity, up to its end.
    let whole = if matches!(composite, Composite::Lighter) { alpha.min(1.0) } else { alpha };
    let channel = |index: usize| {
        let mixed = f32::from(upper[index]) * upper_part + f32::from(lower[index]) * lower_part;
        (mixed / whole).round().clamp(0.0, 255.0) as u8
    };
    Rgba([channel(0), channel(1), channel(2), (whole * 255.0).round().clamp(0.0, 255.0) as u8])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
    const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);

    #[test]
    fn each_operator_keeps_what_its_name_says() {
        for (composite, on_opaque, on_nothing) in [
            (Composite::Over, RED, RED),
            (Composite::In, RED, colour::TRANSPARENT),
            (Composite::Atop, RED, colour::TRANSPARENT),
            (Composite::Out, colour::TRANSPARENT, RED),
            (Composite::Xor, colour::TRANSPARENT, RED),
            (Composite::Lighter, Rgba([255, 0, 255, 255]), RED),
        ] {
            assert_eq!(blend(RED, BLUE, 1.0, composite), on_opaque, "{composite:?}");
            assert_eq!(blend(RED, colour::TRANSPARENT, 1.0, composite), on_nothing, "{composite:?}");
        }
        assert_eq!(blend(RED, BLUE, 0.5, Composite::Over), Rgba([128, 0, 128, 255]));
    }

    #[test]
    fn repetitions_cover_all_of_the_canvas() {
        assert_eq!(positions(2, 4, 10, true), [-2, 2, 6]);
        assert_eq!(positions(-4, 4, 8, true), [0, 4]);
        assert_eq!(positions(7, 4, 10, false), [7]);
    }
}
