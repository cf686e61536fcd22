//! The looks of an image: brightness, contrast, gamma, saturation, blur, sharpness.

use image::{Rgba, RgbaImage};
use serde::Deserialize;

use super::ImagesError;

/// What is changed; a factor of 1 changes nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Adjustments {
    brightness: Option<f32>,
    contrast: Option<f32>,
    gamma: Option<f32>,
    saturation: Option<f32>,
    /// The radius, 1 to 250.
    blur: Option<f32>,
    /// How much, up to 10.
    sharpen: Option<f32>,
}

/// How much each channel counts for the brightness that one sees (ITU-R BT.709).
const LUMINANCE: [f32; 3] = [0.2126, 0.7152, 0.0722];
/// The radius over which sharpness is measured, in pixels.
const SHARPNESS_RADIUS: f32 = 1.0;

impl Adjustments {
    pub(super) fn apply(&self, mut image: RgbaImage) -> Result<RgbaImage, ImagesError> {
        for (name, factor) in
            [("brightness", self.brightness), ("contrast", self.contrast), ("saturation", self.saturation)]
        {
            within(name, factor, 0.0, 100.0)?;
        }
        within("gamma", self.gamma, 0.01, 100.0)?;
        within("blur", self.blur, 0.0, 250.0)?;
        within("sharpen", self.sharpen, 0.0, 10.0)?;
        if [self.brightness, self.contrast, self.gamma, self.saturation].iter().any(Option::is_some) {
            self.recolour(&mut image);
        }
        if let Some(radius) = self.blur.filter(|radius| *radius > 0.0) {
            image = image::imageops::fast_blur(&image, radius / 2.0);
        }
        if let Some(amount) = self.sharpen.filter(|amount| *amount > 0.0) {
            sharpen(&mut image, amount);
        }
        Ok(image)
    }

    fn recolour(&self, image: &mut RgbaImage) {
        let curve = self.curve();
        let saturation = self.saturation.unwrap_or(1.0);
        for Rgba([red, green, blue, _]) in image.pixels_mut() {
            let channels = [&mut *red, green, blue].map(|channel| {
                *channel = curve[usize::from(*channel)];
                channel
            });
            if self.saturation.is_none() {
                continue;
            }
            let grey: f32 =
                channels.iter().zip(LUMINANCE).map(|(channel, weight)| weight * f32::from(**channel)).sum();
            for channel in channels {
                *channel = byte(grey + (f32::from(*channel) - grey) * saturation);
            }
        }
    }

    /// What becomes of each value of a channel.
    fn curve(&self) -> [u8; 256] {
        let factor = |given: Option<f32>| given.unwrap_or(1.0);
        std::array::from_fn(|value| {
            let bright = value as f32 / 255.0 * factor(self.brightness);
            let contrasted = (bright - 0.5) * factor(self.contrast) + 0.5;
            byte(255.0 * contrasted.clamp(0.0, 1.0).powf(1.0 / factor(self.gamma)))
        })
    }
}

/// Adds what a blur would take away.
fn sharpen(image: &mut RgbaImage, amount: f32) {
    let blurred = image::imageops::fast_blur(image, SHARPNESS_RADIUS);
    for (pixel, soft) in image.pixels_mut().zip(blurred.pixels()) {
        for channel in 0..3 {
            let (value, soft) = (f32::from(pixel[channel]), f32::from(soft[channel]));
            pixel[channel] = byte(value + amount * (value - soft));
        }
    }
}

fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

fn within(name: &str, given: Option<f32>, least: f32, most: f32) -> Result<(), ImagesError> {
    match given {
        Some(given) if !(least..=most).contains(&given) => {
            Err(ImagesError::option(format!("\"{name}\" should be from {least} to {most}, not {given}")))
        }
        _ => Ok(()),
    }
}
