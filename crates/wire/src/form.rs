//! How fields are spelled where serde's own way is too slow or too trusting. Byte slices are written in one piece (serde
//! takes them for sequences of numbers), and lists are refused at their limit while they are read, since a short entry
//! of a list takes more memory than bytes on the wire.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{BODIES_PER_VALUE_MAX, CAPS_PER_VALUE_MAX, HEADERS_MAX, PATH_MAX};
use crate::value::{Body, CapRef};

/// Writes a byte slice in one piece.
pub(crate) fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Writes header fields with their values in one piece.
pub(crate) fn headers<S: Serializer>(headers: &[(&str, &[u8])], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(headers.iter().map(|(name, value)| (name, Bytes(value))))
}

/// A byte slice that serialises as one.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bytes(self.0, serializer)
    }
}

/// Reads at most [`HEADERS_MAX`] header fields.
pub(crate) fn headers_max<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(&'a str, &'a [u8])>, D::Error> {
    at_most(HEADERS_MAX, deserializer)
}

/// Reads at most [`CAPS_PER_VALUE_MAX`] capabilities.
pub(crate) fn caps_max<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CapRef>, D::Error> {
    at_most(CAPS_PER_VALUE_MAX, deserializer)
}

/// Reads at most [`BODIES_PER_VALUE_MAX`] bodies.
pub(crate) fn bodies_max<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Body<'a>>, D::Error> {
    at_most(BODIES_PER_VALUE_MAX, deserializer)
}

/// Reads a path of at most [`PATH_MAX`] properties.
pub(crate) fn path_max<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'a str>, D::Error> {
    at_most(PATH_MAX, deserializer)
}

fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    max: usize,
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(AtMost { max, items: PhantomData })
}

/// Collects a sequence, and fails at the first item past its limit.
struct AtMost<T> {
    max: usize,
    items: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of at most {} items", self.max)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
        let announced = sequence.size_hint().unwrap_or(0);
        if announced > self.max {
            return Err(A::Error::invalid_length(announced, &self));
        }
        let mut items = Vec::with_capacity(announced);
        while let Some(item) = sequence.next_element()? {
            if items.len() == self.max {
                return Err(A::Error::invalid_length(items.len() + 1, &self));
            }
            items.push(item);
        }
        Ok(items)
    }
}
