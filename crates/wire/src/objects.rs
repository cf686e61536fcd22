//! Durable Objects as frames name them, and the vocabulary of an isolate's second socket: storage.
//!
//! An object's storage is used synchronously: the isolate writes a [`Request`] and blocks until the [`Reply`] has come.
//! Only what can hardly fail is not answered, and is sent with what comes next: a write of little, and a commit, which
//! both sides count. What fails of that ends the object, which is told on the other socket. Writes gather in a transaction of the object's until the isolate asks for [`Operation::Commit`], at the end of the turn in
//! which they were made; everything it sends afterwards on its other socket names that commit
//! ([`crate::Envelope::after`]) and is held back until the commit is on the disk.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::codec::ProtocolError;
use crate::d1::Value;
use crate::facets::FacetRequest;
use crate::form;
#[cfg(doc)]
use crate::frame::WriteSeq;
use crate::object_sockets::{SocketAnswer, SocketOperation};
use crate::value::CapId;

/// The largest message on the second socket: a value at SQLite's limit for each of many keys.
pub const MESSAGE_MAX: usize = 34 << 20;

/// The digits of an object's id.
pub const ID_DIGITS: usize = 64;

/// The same as bytes.
pub const KEY_BYTES: usize = ID_DIGITS / 2;

/// A live object's number, chosen by the supervisor when it places the object in the isolate and never used again
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectNumber(pub u32);

/// Which object of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectId<'a> {
    /// [`ID_DIGITS`] hexadecimal digits in lower case.
    pub digits: &'a str,
    /// The name that the id was made from, where the caller knows it.
    pub name: Option<&'a str>,
}

impl ObjectId<'_> {
    /// Whether the digits are of the right number and form: they become the name of a file.
    pub fn is_well_formed(&self) -> bool {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        self.digits.len() == ID_DIGITS && self.digits.bytes().all(digit)
    }
}

/// The bytes that an object's digits stand for; `None` where they are no digits of an object.
pub fn key_of(digits: &str) -> Option<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(key).filter(|_| digits.len() == ID_DIGITS)
}

/// The digits that stand for these bytes.
pub fn digits_of(key: &[u8; KEY_BYTES]) -> String {
    let digit =
        |half: u8| char::from_digit(u32::from(half), 16).expect("invariant: half a byte is one digit");
    key.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

/// The object that an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object<'a> {
    /// By which it is known in this isolate. A number not heard of before: it is to be made, of the class that the
    /// event's entrypoint names.
    pub number: ObjectNumber,
    /// Who it is.
    #[serde(borrow)]
    pub id: ObjectId<'a>,
    /// Whether its class has SQL and synchronous keys and values.
    pub sql: bool,
}

/// Something an isolate asks of an object's storage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request<'a> {
    /// Whose.
    pub object: ObjectNumber,
    /// What.
    #[serde(borrow)]
    pub operation: Operation<'a>,
}

/// A key and its value, which is a structured clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// The key.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// The value's bytes.
    #[serde(borrow, serialize_with = "form::bytes")]
    pub value: Cow<'a, [u8]>,
}

/// Some of an object's keys, by their UTF-8 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range<'a> {
    /// The first, included.
    #[serde(borrow)]
    pub start: Option<Cow<'a, str>>,
    /// The one before the first.
    pub start_after: Option<Cow<'a, str>>,
    /// The one after the last.
    pub end: Option<Cow<'a, str>>,
    /// What all of them begin with.
    pub prefix: Option<Cow<'a, str>>,
    /// From the last to the first.
    pub reverse: bool,
    /// The most of them.
    pub limit: Option<u32>,
}

/// What can be done with an object's storage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operation<'a> {
    /// [`Answer::Entries`]: those of the keys that exist, in order.
    Get(#[serde(borrow)] Vec<Cow<'a, str>>),
    /// [`Answer::Done`].
    Put(Vec<Entry<'a>>),
    /// As [`Operation::Put`], but not answered: where it fails, the object is ended.
    Post(Vec<Entry<'a>>),
    /// [`Answer::Count`]: how many existed.
    Delete(Vec<Cow<'a, str>>),
    /// [`Answer::Entries`].
    List(Range<'a>),
    /// Removes all keys and tables, and the alarm where that is said. [`Answer::Done`].
    DeleteAll {
        /// Whether the alarm goes, too.
        alarm: bool,
    },
    /// [`Answer::Rows`] of the last statement.
    Exec {
        /// One statement or several, of which only the last has parameters.
        #[serde(borrow)]
        sql: Cow<'a, str>,
        /// What is bound, in order.
        params: Vec<Value<'a>>,
    },
    /// [`Answer::Number`]: the size in bytes of what is stored.
    Size,
    /// Begins a transaction within those under way. [`Answer::Done`].
    Begin,
    /// Keeps what the innermost transaction has done. [`Answer::Done`].
    Keep,
    /// Undoes what the innermost transaction has done, and ends it. [`Answer::Done`].
    Undo,
    /// Undoes all that was not committed, transactions and all. [`Answer::Done`].
    Abandon,
    /// [`Answer::Number`]: when the alarm is due, in milliseconds since the epoch.
    Alarm,
    /// Sets the alarm, or removes it. [`Answer::Done`].
    SetAlarm(Option<f64>),
    /// The alarm that was due then is about to be handled. [`Answer::Count`]: 1, and the alarm is taken; 0 where it was
    /// set to another time or removed, so that nothing is to be done.
    TakeAlarm {
        /// When it was due, in milliseconds since the epoch.
        due_ms: f64,
    },
    /// The alarm that was taken has been handled, or is given up. [`Answer::Done`].
    EndAlarm,
    /// The alarm that was taken could not be handled, and is to be tried again. [`Answer::Done`].
    LeaveAlarm,
    /// [`Answer::Text`]: a bookmark of the present state.
    Bookmark,
    /// [`Answer::Text`]: a bookmark of the state at that time, in milliseconds since the epoch.
    BookmarkAt(f64),
    /// The state of this bookmark is to be there when the object is placed the next time. [`Answer::Text`]: a bookmark of
    /// what will be there just before.
    RestoreNext(Cow<'a, str>),
    /// Something about the object's sockets, which are beside its storage. [`Answer::Sockets`].
    Sockets(SocketOperation<'a>),
    /// Something about a facet of the object. [`Answer::Facet`], or [`Answer::Done`] where nothing is given.
    Facet(FacetRequest<'a>),
    /// Makes what all objects of this isolate have written outlive them, all but those with transactions under way. Not
    /// answered: the first is known by the [`WriteSeq`] 1, each other by that of the one before and 1; an object whose
    /// writes are lost is ended ([`crate::Frame::EndObject`]).
    Commit,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// Nothing to tell.
    Done,
    /// How many.
    Count(u32),
    /// A number, or none.
    Number(Option<f64>),
    /// A text.
    Text(#[serde(borrow)] Cow<'a, str>),
    /// Keys and values in the order asked for.
    Entries(Vec<Entry<'a>>),
    /// What a statement gave.
    Rows(Rows<'a>),
    /// What came of an operation on sockets.
    Sockets(SocketAnswer<'a>),
    /// The capability of a facet, held from now on; `None`: it does not run.
    Facet(Option<CapId>),
    /// The operation failed and changed nothing.
    Failed {
        /// The JavaScript error's name.
        name: Cow<'a, str>,
        /// Its text.
        message: Cow<'a, str>,
        /// Whether the object cannot go on.
        reset: bool,
    },
}

/// What a statement gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows<'a> {
    /// The names of the columns, which need not be unique.
    #[serde(borrow)]
    pub columns: Vec<Cow<'a, str>>,
    /// How many rows there are.
    pub count: u32,
    /// The postcard of a [`Value`] for each column of each row.
    #[serde(borrow, serialize_with = "form::bytes")]
    pub cells: Cow<'a, [u8]>,
    /// How many rows were looked at.
    pub rows_read: u64,
    /// How many rows and index entries were written.
    pub rows_written: u64,
}

/// An answer, and whether the object has written what is not committed yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply<'a> {
    /// Whether [`Operation::Commit`] is due at the end of the turn.
    pub uncommitted: bool,
    /// What came of the request.
    #[serde(borrow)]
    pub answer: Answer<'a>,
}

/// Appends a message of the second socket to `out`. Where it is too large nothing is appended and its size is the error.
pub fn write<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), usize> {
    let start = out.len();
    let mut bytes = std::mem::take(out);
    bytes.extend_from_slice(&[0; 4]);
    *out = postcard::to_extend(message, bytes).expect("invariant: storage messages have a postcard form");
    let size = out.len() - start - 4;
    if size > MESSAGE_MAX {
        out.truncate(start);
        return Err(size);
    }
    out[start..start + 4].copy_from_slice(&(size as u32).to_le_bytes());
    Ok(())
}

/// The first message in what was read so far, and how many bytes it takes; `None`: more are needed.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<Option<(T, usize)>, ProtocolError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let size = u32::from_le_bytes(*length) as usize;
    if size > MESSAGE_MAX {
        return Err(ProtocolError::TooLarge { size });
    }
    let Some(message) = rest.get(..size) else { return Ok(None) };
    Ok(Some((crate::decode(message)?, 4 + size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_bytes_of_the_digits() {
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(key_of(&digits).map(|key| digits_of(&key)), Some(digits.clone()));
        assert_eq!((key_of(&digits[1..]), key_of(&format!("{digits}0"))), (None, None));
        assert_eq!(key_of(&"g".repeat(ID_DIGITS)), None);
    }
}
