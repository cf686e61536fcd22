//! Names for what asks by itself: the C library of a cell, and libraries with resolvers of their own, find a name server
//! at 127.0.0.1 and speak DNS over TCP with it (RFC 1035, 4.2.2). It is this one, on a socket that leads nowhere else;
//! what it knows comes from the machine's resolver.
//!
//! It answers for addresses (A, AAAA). Other types it says do not exist, which is what a resolver falls back from.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const HEADER_BYTES: usize = 12;
/// What follows a question's name: type and class.
const QUESTION_TAIL_BYTES: usize = 4;
const NAME_BYTES_MAX: usize = 255;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_INTERNET: u16 = 1;
/// The most addresses in one answer.
const ADDRESSES_MAX: usize = 32;
/// How long an answer may be kept, in seconds: not at all, for policy is about addresses, and names move.
const LIFETIME_S: u32 = 0;

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered = 0,
    Malformed = 1,
    Failed = 2,
    NoSuchName = 3,
    NotImplemented = 4,
}

/// The one question of a message.
#[derive(Debug, PartialEq, Eq)]
struct Question<'a> {
    /// In lower case, without the root's dot.
    name: String,
    kind: u16,
    class: u16,
    /// As it stood in the message, to be repeated.
    bytes: &'a [u8],
}

/// Answers questions until the cell closes its end.
pub(crate) async fn serve(mut socket: UnixStream) {
    while let Ok(length) = socket.read_u16().await {
        let mut message = vec![0; usize::from(length)];
        if socket.read_exact(&mut message).await.is_err() {
            return;
        }
        let Some(answer) = answer(&message).await else { return };
        let sent = [&(answer.len() as u16).to_be_bytes()[..], &answer].concat();
        if socket.write_all(&sent).await.is_err() {
            return;
        }
    }
}

/// The answer to a message; `None`: it is too short to be answered.
async fn answer(message: &[u8]) -> Option<Vec<u8>> {
    let header = message.get(..HEADER_BYTES)?;
    let operation = header[2] >> 3 & 0xf;
    let Some(question) = question(message) else {
        return Some(reply(header, None, Outcome::Malformed, &[]));
    };
    let wants_addresses = question.class == CLASS_INTERNET && matches!(question.kind, TYPE_A | TYPE_AAAA);
    let (outcome, addresses) = match (operation, wants_addresses) {
        (0, true) => look_up(&question).await,
        (0, false) => (Outcome::Answered, Vec::new()),
        _ => (Outcome::NotImplemented, Vec::new()),
    };
    Some(reply(header, Some(&question), outcome, &addresses))
}

async fn look_up(question: &Question<'_>) -> (Outcome, Vec<IpAddr>) {
    let found = tokio::net::lookup_host((question.name.as_str(), 0)).await;
    match found {
        Ok(found) => {
            let wanted = |address: &IpAddr| address.is_ipv4() == (question.kind == TYPE_A);
            (Outcome::Answered, found.map(|found| found.ip()).filter(wanted).take(ADDRESSES_MAX).collect())
        }
        Err(error) if is_temporary(&error) => (Outcome::Failed, Vec::new()),
        Err(_) => (Outcome::NoSuchName, Vec::new()),
    }
}

/// The resolver's error has no kind of its own, only a text.
fn is_temporary(error: &io::Error) -> bool {
    error.to_string().contains("emporary failure")
}

/// Reads the message's question; a message has one, in practice.
fn question(message: &[u8]) -> Option<Question<'_>> {
    if message[4..6] != [0, 1] {
        return None;
    }
    let mut at = HEADER_BYTES;
    let mut labels: Vec<String> = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            let tail = message.get(at..at + QUESTION_TAIL_BYTES)?;
            let [kind, class] = [0, 2].map(|at| u16::from_be_bytes([tail[at], tail[at + 1]]));
            let bytes = &message[HEADER_BYTES..at + QUESTION_TAIL_BYTES];
            return Some(Question { name: labels.join("."), kind, class, bytes });
        }
        // Longer ones are pointers, for which a question has nothing to point to.
        let label = message.get(at..at + length).filter(|_| length < 64)?;
        labels.push(std::str::from_utf8(label).ok()?.to_ascii_lowercase());
        at += length;
        if at - HEADER_BYTES > NAME_BYTES_MAX {
            return None;
        }
    }
}

fn reply(header: &[u8], question: Option<&Question<'_>>, outcome: Outcome, addresses: &[IpAddr]) -> Vec<u8> {
    let mut reply = Vec::new();
    reply.extend(&header[..2]);
    // A response, of the same operation, recursion as desired and available.
    reply.extend([0x80 | header[2] & 0x79, 0x80 | outcome as u8]);
    for count in [u16::from(question.is_some()), addresses.len() as u16, 0, 0] {
        reply.extend(count.to_be_bytes());
    }
    reply.extend(question.map_or(&[][..], |question| question.bytes));
    for address in addresses {
        let (kind, bytes) = match address {
            IpAddr::V4(address) => (TYPE_A, address.octets().to_vec()),
            IpAddr::V6(address) => (TYPE_AAAA, address.octets().to_vec()),
        };
        // The name: a pointer to the question's.
        reply.extend([0xc0, HEADER_BYTES as u8]);
        reply.extend(kind.to_be_bytes());
        reply.extend(CLASS_INTERNET.to_be_bytes());
        reply.extend(LIFETIME_S.to_be_bytes());
        reply.extend((bytes.len() as u16).to_be_bytes());
        reply.extend(bytes);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend(CLASS_INTERNET.to_be_bytes());
        message
    }

    #[tokio::test]
    async fn addresses_are_answered() {
        let answer = answer(&asking("localhost", TYPE_A)).await.unwrap();
        assert_eq!(answer[..4], [0xab, 0xcd, 0x81, 0x80]);
        assert!(answer.ends_with(&[0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]), "{answer:?}");
    }

    #[tokio::test]
    async fn types_that_are_not_known_have_no_records() {
        let answer = answer(&asking("localhost", 16)).await.unwrap();
        assert_eq!(answer[2..12], [0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
    }

    #[tokio::test]
    async fn what_is_no_question_is_told_so() {
        assert_eq!(answer(b"short").await, None);
        let mut pointing = asking("a", TYPE_A);
        pointing[HEADER_BYTES] = 0xc0;
        assert_eq!(answer(&pointing).await.unwrap()[3], 0x80 | Outcome::Malformed as u8);
        let cut = &asking("localhost", TYPE_A)[..HEADER_BYTES + 5];
        assert_eq!(answer(cut).await.unwrap()[3], 0x80 | Outcome::Malformed as u8);
        let mut update = asking("localhost", TYPE_A);
        update[2] = 5 << 3;
        assert_eq!(answer(&update).await.unwrap()[3], 0x80 | Outcome::NotImplemented as u8);
    }

    #[test]
    fn names_are_at_most_as_long_as_the_standard_has_them() {
        let name = |labels: usize| vec!["a".repeat(63); labels].join(".");
        assert!(question(&asking(&name(3), TYPE_A)).is_some());
        assert!(question(&asking(&name(4), TYPE_A)).is_none());
    }
}
