//! Colours as CSS writes them.

use image::Rgba;

use super::ImagesError;

/// What CSS calls its basic colours, with a few more that are written often.
const NAMES: [(&str, [u8; 4]); 20] = [
    ("transparent", [0, 0, 0, 0]),
    ("black", [0, 0, 0, 255]),
    ("silver", [192, 192, 192, 255]),
    ("gray", [128, 128, 128, 255]),
    ("grey", [128, 128, 128, 255]),
    ("white", [255, 255, 255, 255]),
    ("maroon", [128, 0, 0, 255]),
    ("red", [255, 0, 0, 255]),
    ("purple", [128, 0, 128, 255]),
    ("fuchsia", [255, 0, 255, 255]),
    ("green", [0, 128, 0, 255]),
    ("lime", [0, 255, 0, 255]),
    ("olive", [128, 128, 0, 255]),
    ("yellow", [255, 255, 0, 255]),
    ("navy", [0, 0, 128, 255]),
    ("blue", [0, 0, 255, 255]),
    ("teal", [0, 128, 128, 255]),
    ("aqua", [0, 255, 255, 255]),
    ("orange", [255, 165, 0, 255]),
    ("pink", [255, 192, 203, 255]),
];

pub(super) const WHITE: Rgba<u8> = Rgba([255; 4]);
pub(super) const TRANSPARENT: Rgba<u8> = Rgba([0; 4]);

/// `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa`, `rgb(...)`, `rgba(...)`, or a name.
pub(super) fn parse(text: &str) -> Result<Rgba<u8>, ImagesError> {
    let lower = text.trim().to_ascii_lowercase();
    let named = || NAMES.iter().find(|(name, _)| *name == lower).map(|(_, colour)| Rgba(*colour));
    let parsed = match lower.strip_prefix('#') {
        Some(digits) => from_digits(digits),
        None => from_function(&lower).or_else(named),
    };
    let help = "use #rrggbb, rgb(r, g, b), rgba(r, g, b, a) or one of the basic names";
    parsed.ok_or_else(|| ImagesError::option(format!("\"{text}\" is not a colour; {help}")))
}

fn from_digits(digits: &str) -> Option<Rgba<u8>> {
    let values: Vec<u8> =
        digits.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    let channels: Vec<u8> = match values.len() {
        3 | 4 => values.iter().map(|value| value * 17).collect(),
        6 | 8 => values.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect(),
        _ => return None,
    };
    Some(Rgba([channels[0], channels[1], channels[2], channels.get(3).copied().unwrap_or(255)]))
}

fn from_function(text: &str) -> Option<Rgba<u8>> {
    let inside = text.strip_prefix("rgba(").or_else(|| text.strip_prefix("rgb("))?.strip_suffix(')')?;
    let parts: Vec<&str> =
        inside.split([',', '/', ' ']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let channel = |part: &str| match part.strip_suffix('%') {
        Some(percent) => Some((percent.parse::<f32>().ok()? * 2.55).round().clamp(0.0, 255.0) as u8),
        None => Some(part.parse::<f32>().ok()?.round().clamp(0.0, 255.0) as u8),
    };
    let alpha = |part: &str| match part.strip_suffix('%') {
        Some(_) => channel(part),
        None => Some((part.parse::<f32>().ok()? * 255.0).round().clamp(0.0, 255.0) as u8),
    };
    match parts[..] {
        [red, green, blue] => Some(Rgba([channel(red)?, channel(green)?, channel(blue)?, 255])),
        [red, green, blue, opacity] => {
            Some(Rgba([channel(red)?, channel(green)?, channel(blue)?, alpha(opacity)?]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_each_form() {
        for (text, expected) in [
            ("#f00", [255, 0, 0, 255]),
            ("#f008", [255, 0, 0, 136]),
            ("#0a141E", [10, 20, 30, 255]),
            ("#0a141e80", [10, 20, 30, 128]),
            ("rgb(10, 20, 30)", [10, 20, 30, 255]),
            ("rgb(100% 0% 0% / 50%)", [255, 0, 0, 128]),
            ("rgba(10,20,30,0.5)", [10, 20, 30, 128]),
            (" White ", [255, 255, 255, 255]),
        ] {
            assert_eq!(parse(text), Ok(Rgba(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_colour_is_said_to_be_none() {
        for text in ["", "#", "#12", "#12345", "#ggg", "rgb(1,2)", "hsl(0, 0%, 0%)", "whit"] {
            assert!(matches!(parse(text), Err(ImagesError::Option(_))), "{text}");
        }
    }
}
