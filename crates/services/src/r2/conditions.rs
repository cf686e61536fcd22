//! Whether a condition holds of an object, and which part of it a range means. As workerd's R2 simulator has it, which
//! follows RFC 9110.

use hognose_wire::r2::{Condition, Etag, Object, Range};

use super::R2Error;

/// Whether `condition` holds of the object of a key, if there is one.
pub(super) fn holds(condition: &Condition, object: Option<&Object>) -> bool {
    match object {
        // What is to match something, or to have come after something, does not where there is nothing.
        None => condition.etag_matches.is_none() && condition.uploaded_after.is_none(),
        Some(object) => holds_of(condition, object),
    }
}

fn holds_of(condition: &Condition, object: &Object) -> bool {
    let granularity_ms = if condition.seconds_granularity { 1000.0 } else { 1.0 };
    let time = |milliseconds: f64| (milliseconds / granularity_ms).floor();
    let uploaded = time(object.uploaded as f64);
    let matches = condition.etag_matches.as_ref().map(|etags| matches_strongly(etags, &object.etag));
    let differs = condition.etag_does_not_match.as_ref().map(|etags| !matches_weakly(etags, &object.etag));
    let after = condition.uploaded_after.is_none_or(|after| time(after) < uploaded);
    let before = condition.uploaded_before.is_none_or(|before| uploaded < time(before));
    // An etag says more than a time, and where both are given takes its place.
    matches != Some(false)
        && differs != Some(false)
        && (after || differs == Some(true))
        && (before || matches == Some(true))
}

fn matches_strongly(etags: &[Etag], own: &str) -> bool {
    etags.iter().any(|etag| match etag {
        Etag::Wildcard => true,
        Etag::Strong(etag) => etag == own,
        Etag::Weak(_) => false,
    })
}

fn matches_weakly(etags: &[Etag], own: &str) -> bool {
    etags.iter().any(|etag| match etag {
        Etag::Wildcard => true,
        Etag::Strong(etag) | Etag::Weak(etag) => etag == own,
    })
}

/// Offset and length of a range in an object of `size` bytes.
pub(super) fn resolve(range: &Range, size: u64) -> Result<(u64, u64), R2Error> {
    match range {
        Range::From { offset, length } => from(offset.unwrap_or(0), *length, size),
        Range::Suffix(0) => Err(R2Error::RangeNotSatisfiable),
        Range::Suffix(suffix) => Ok((size.saturating_sub(*suffix), size.min(*suffix))),
        Range::Header(header) => Ok(read_header(header, size).unwrap_or((0, size))),
    }
}

fn from(offset: u64, length: Option<u64>, size: u64) -> Result<(u64, u64), R2Error> {
    if offset >= size || length == Some(0) {
        return Err(R2Error::RangeNotSatisfiable);
    }
    let rest = size - offset;
    Ok((offset, length.map_or(rest, |length| length.min(rest))))
}

/// One range of bytes that the object has some of; `None` for anything else.
fn read_header(header: &str, size: u64) -> Option<(u64, u64)> {
    let (unit, range) = header.trim().split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let resolved = match (first.trim(), last.trim()) {
        ("", _) => resolve(&Range::Suffix(number(last)?), size),
        (_, "") => from(number(first)?, None, size),
        _ => {
            let (first, last) = (number(first)?, number(last)?);
            from(first, Some(last.checked_sub(first)?.saturating_add(1)), size)
        }
    };
    resolved.ok()
}

#[cfg(test)]
mod tests {
    use super::{read_header, resolve};
    use crate::r2::R2Error;
    use hognose_wire::r2::Range;

    #[test]
    fn ranges_are_cut_to_the_object_and_must_have_something_of_it() {
        let range = |offset, length| resolve(&Range::From { offset, length }, 10);
        assert_eq!(range(Some(2), None), Ok((2, 8)));
        assert_eq!(range(Some(2), Some(100)), Ok((2, 8)));
        assert_eq!(range(None, Some(3)), Ok((0, 3)));
        assert_eq!(range(Some(10), None), Err(R2Error::RangeNotSatisfiable));
        assert_eq!(range(None, Some(0)), Err(R2Error::RangeNotSatisfiable));
        assert_eq!(resolve(&Range::Suffix(3), 10), Ok((7, 3)));
        assert_eq!(resolve(&Range::Suffix(30), 10), Ok((0, 10)));
        assert_eq!(resolve(&Range::Suffix(0), 10), Err(R2Error::RangeNotSatisfiable));
    }

    #[test]
    fn a_header_that_says_nothing_useful_says_nothing() {
        assert_eq!(read_header("bytes=2-4", 10), Some((2, 3)));
        assert_eq!(read_header("Bytes = 2-", 10), Some((2, 8)));
        assert_eq!(read_header("bytes=-3", 10), Some((7, 3)));
        for wrong in ["bytes=4-2", "bytes=10-", "bytes=0-1,3-4", "lines=1-2", "bytes=x-", "bytes", "bytes=-0"]
        {
            assert_eq!(read_header(wrong, 10), None, "{wrong}");
        }
    }
}
