//! RFC 6455's frames: finding messages in what a connection gives, and putting messages into what it is sent. Pure.
//!
//! Why not a library's: those answer a close frame by themselves and take no message after it. Here the close handshake
//! is the Worker's, who may go on sending and choose the code of its answer.

use bytes::{Buf, BytesMut};
use hognose_wire::limits::MESSAGE_MAX;
use hognose_wire::messages::{NO_CODE, SocketMessage};

/// Which end of a connection this is. A client masks what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// In a frame's first byte: it ends its message.
const LAST: u8 = 0x80;
/// In the first byte: what only extensions may set.
const RESERVED: u8 = 0x70;
/// In the second byte: a mask follows the length.
const MASKED: u8 = 0x80;
/// In the second byte's other bits: the length is in the next two bytes.
const TWO_BYTES: u8 = 0x7e;
/// It is in the next eight.
const EIGHT_BYTES: u8 = 0x7f;

/// The most that a close, a ping or a pong carries.
const CONTROL_MAX: usize = 125;

/// What the other end did that RFC 6455 forbids, with the code to close with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "WebSocket protocol error; protocolError.statusCode = {code}; protocolError.description = {description}"
)]
pub(super) struct FrameError {
    pub(super) code: u16,
    pub(super) description: String,
}

impl FrameError {
    fn new(description: impl Into<String>) -> Self {
        Self { code: 1002, description: description.into() }
    }

    fn not_text() -> Self {
        Self { code: 1007, description: "A text is not UTF-8".into() }
    }
}

/// What was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Close { code: u16, reason: String },
}

/// The head of a frame.
struct Head {
    last: bool,
    opcode: u8,
    length: usize,
    mask: Option<[u8; 4]>,
    /// How many bytes it takes.
    size: usize,
}

/// Finds the messages in what a connection gives.
pub(super) struct FrameReader {
    role: Role,
    bytes: BytesMut,
    /// What has come of a message, and whether it is text.
    begun: Option<(bool, Vec<u8>)>,
}

impl FrameReader {
    pub(super) fn new(role: Role) -> Self {
        Self { role, bytes: BytesMut::new(), begun: None }
    }

    /// What the connection has given.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if all of it is there.
    pub(super) fn next(&mut self) -> Result<Option<Received>, FrameError> {
        while let Some(head) = self.head()? {
            self.check(&head)?;
            if self.bytes.len() < head.size + head.length {
                return Ok(None);
            }
            self.bytes.advance(head.size);
            let mut content = self.bytes.split_to(head.length).to_vec();
            if let Some(mask) = head.mask {
                apply_mask(mask, &mut content);
            }
            if let Some(received) = self.take(&head, content)? {
                return Ok(Some(received));
            }
        }
        if self.bytes.is_empty() {
            // An idle connection keeps no buffer.
            self.bytes = BytesMut::new();
        }
        Ok(None)
    }

    fn head(&self) -> Result<Option<Head>, FrameError> {
        let [first, second, rest @ ..] = &*self.bytes else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(FrameError::new("Received frame had RSV bits set, but no extension was agreed on"));
        }
        let (length, size) = match second & !MASKED {
            TWO_BYTES => (rest.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes))), 4),
            EIGHT_BYTES => (rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)), 10),
            short => (Some(u64::from(short)), 2),
        };
        let Some(length) = length else { return Ok(None) };
        let is_masked = second & MASKED != 0;
        let mask = if is_masked { rest[size - 2..].first_chunk().copied() } else { None };
        if is_masked && mask.is_none() {
            return Ok(None);
        }
        Ok(Some(Head {
            last: first & LAST != 0,
            opcode: first & 0x0f,
            length: usize::try_from(length).unwrap_or(usize::MAX),
            mask,
            size: size + if is_masked { 4 } else { 0 },
        }))
    }

    fn check(&self, head: &Head) -> Result<(), FrameError> {
        let (of_server, begun) = (self.role == Role::Client, self.begun.is_some());
        if head.mask.is_some() == of_server {
            return Err(FrameError::new(if of_server {
                "Received a masked frame from a server"
            } else {
                "Received an unmasked frame from a client"
            }));
        }
        match head.opcode {
            CONTINUATION if !begun => Err(FrameError::new("Unexpected continuation frame")),
            TEXT | BINARY if begun => Err(FrameError::new("Missing continuation frame")),
            CONTINUATION | TEXT | BINARY => self.check_size(head),
            CLOSE | PING | PONG if !head.last => Err(FrameError::new("Received fragmented control frame")),
            CLOSE | PING | PONG if head.length > CONTROL_MAX => {
                Err(FrameError::new("Received a control frame that is too large"))
            }
            CLOSE | PING | PONG => Ok(()),
            opcode => Err(FrameError::new(format!("Unknown opcode {opcode}"))),
        }
    }

    fn check_size(&self, head: &Head) -> Result<(), FrameError> {
        let begun = self.begun.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let size = begun.saturating_add(head.length);
        if size <= MESSAGE_MAX {
            return Ok(());
        }
        Err(FrameError { code: 1009, description: format!("Message is too large: {size} > {MESSAGE_MAX}") })
    }

    /// A frame has come. `None`: nothing to tell of it.
    fn take(&mut self, head: &Head, content: Vec<u8>) -> Result<Option<Received>, FrameError> {
        match head.opcode {
            PING => return Ok(Some(Received::Ping(content))),
            PONG => return Ok(None),
            CLOSE => return closed(&content).map(Some),
            _ => {}
        }
        let (is_text, bytes) = match self.begun.take() {
            Some((is_text, mut bytes)) => {
                bytes.extend_from_slice(&content);
                (is_text, bytes)
            }
            None => (head.opcode == TEXT, content),
        };
        if !head.last {
            self.begun = Some((is_text, bytes));
            return Ok(None);
        }
        Ok(Some(if is_text {
            Received::Text(String::from_utf8(bytes).map_err(|_| FrameError::not_text())?)
        } else {
            Received::Binary(bytes)
        }))
    }
}

fn closed(content: &[u8]) -> Result<Received, FrameError> {
    let Some((code, reason)) = content.split_first_chunk() else {
        if !content.is_empty() {
            return Err(FrameError::new("Received a close frame of one byte"));
        }
        return Ok(Received::Close { code: NO_CODE, reason: String::new() });
    };
    let code = u16::from_be_bytes(*code);
    if !(1000..5000).contains(&code) || matches!(code, 1004..=1006 | 1015) {
        return Err(FrameError::new(format!("Received a close frame with the code {code}")));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| FrameError::not_text())?;
    Ok(Received::Close { code, reason: reason.to_owned() })
}

/// Puts frames into what is sent.
pub(super) struct FrameWriter {
    role: Role,
}

impl FrameWriter {
    pub(super) fn new(role: Role) -> Self {
        Self { role }
    }

    /// Appends a message. What is no message of RFC 6455's is left out.
    pub(super) fn message(&self, message: SocketMessage<'_>, out: &mut Vec<u8>) {
        match message {
            SocketMessage::Text(text) => self.frame(TEXT, text.as_bytes(), out),
            SocketMessage::Binary(bytes) => self.frame(BINARY, bytes, out),
            SocketMessage::Close { code: NO_CODE, .. } => self.frame(CLOSE, &[], out),
            SocketMessage::Close { code, reason } => {
                let reason = &reason[..reason.floor_char_boundary(CONTROL_MAX - 2)];
                self.frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat(), out);
            }
            SocketMessage::Failed(_) => {}
        }
    }

    /// Appends the answer to a ping.
    pub(super) fn pong(&self, content: &[u8], out: &mut Vec<u8>) {
        self.frame(PONG, content, out);
    }

    fn frame(&self, opcode: u8, content: &[u8], out: &mut Vec<u8>) {
        let masked = if self.role == Role::Client { MASKED } else { 0 };
        out.push(LAST | opcode);
        match content.len() {
            short @ ..126 => out.push(masked | short as u8),
            medium @ ..=0xffff => {
                out.push(masked | TWO_BYTES);
                out.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                out.push(masked | EIGHT_BYTES);
                out.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        if self.role == Role::Server {
            return out.extend_from_slice(content);
        }
        let mask = random_mask();
        out.extend_from_slice(&mask);
        let begin = out.len();
        out.extend_from_slice(content);
        apply_mask(mask, &mut out[begin..]);
    }
}

/// Not to be foreseen by whoever chose the content (RFC 6455, 10.3).
fn random_mask() -> [u8; 4] {
    let mut mask = [0; 4];
    getrandom::fill(&mut mask).expect("invariant: the kernel gives random bytes");
    mask
}

fn apply_mask(mask: [u8; 4], content: &mut [u8]) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().expect("invariant: twice four bytes"));
    let mut blocks = content.chunks_exact_mut(8);
    for block in &mut blocks {
        let block: &mut [u8; 8] = block.try_into().expect("invariant: chunks of eight bytes");
        *block = (u64::from_ne_bytes(*block) ^ wide).to_ne_bytes();
    }
    blocks.into_remainder().iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(role: Role, bytes: &[u8]) -> Result<Vec<Received>, FrameError> {
        let mut reader = FrameReader::new(role);
        reader.push(bytes);
        let mut all = Vec::new();
        while let Some(received) = reader.next()? {
            all.push(received);
        }
        Ok(all)
    }

    fn refusal(bytes: &[u8]) -> (u16, String) {
        let error = read(Role::Client, bytes).unwrap_err();
        (error.code, error.description)
    }

    #[test]
    fn what_one_end_writes_the_other_reads_however_it_is_cut() {
        let long = "é".repeat(40_000);
        let messages = [
            SocketMessage::Text("hello"),
            SocketMessage::Text(""),
            SocketMessage::Binary(&[7; 126]),
            SocketMessage::Text(&long),
            SocketMessage::Close { code: 3000, reason: "bye" },
        ];
        for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            let mut bytes = Vec::new();
            for message in messages {
                FrameWriter::new(from).message(message, &mut bytes);
            }
            let mut reader = FrameReader::new(to);
            let mut all = Vec::new();
            for piece in bytes.chunks(13) {
                reader.push(piece);
                while let Some(received) = reader.next().unwrap() {
                    all.push(received);
                }
            }
            let expected = [
                Received::Text("hello".into()),
                Received::Text(String::new()),
                Received::Binary(vec![7; 126]),
                Received::Text(long.clone()),
                Received::Close { code: 3000, reason: "bye".into() },
            ];
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn fragments_make_one_message_with_control_frames_between_them() {
        let bytes = [0x01, 1, b'a', 0x89, 1, b'p', 0x8a, 0, 0x00, 0, 0x80, 1, b'b'];
        let received = read(Role::Client, &bytes).unwrap();
        assert_eq!(received, [Received::Ping(b"p".into()), Received::Text("ab".into())]);
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        assert_eq!(refusal(&[0x80, 0]).1, "Unexpected continuation frame");
        assert_eq!(refusal(&[0x01, 0, 0x81, 0]).1, "Missing continuation frame");
        assert_eq!(refusal(&[0xc1, 0]).0, 1002);
        assert_eq!(refusal(&[0x83, 0]).1, "Unknown opcode 3");
        assert_eq!(refusal(&[0x09, 0]).1, "Received fragmented control frame");
        assert_eq!(refusal(&[0x89, 126, 0, 126]).1, "Received a control frame that is too large");
        assert_eq!(refusal(&[0x81, 0x80, 0, 0, 0, 0]).1, "Received a masked frame from a server");
        assert_eq!(refusal(&[0x88, 1, 3]).1, "Received a close frame of one byte");
        assert_eq!(refusal(&[0x88, 2, 3, 0xed]).1, "Received a close frame with the code 1005");
        assert_eq!(refusal(&[0x81, 1, 0xff]).0, 1007);
        let unmasked = read(Role::Server, &[0x81, 0]).unwrap_err();
        assert_eq!(unmasked.description, "Received an unmasked frame from a client");
    }

    #[test]
    fn a_message_is_taken_up_to_its_limit() {
        let head = |size: usize| [&[0x82, 127][..], &(size as u64).to_be_bytes()].concat();
        assert_eq!(read(Role::Client, &head(MESSAGE_MAX)), Ok(Vec::new()));
        let too_large = (1009, "Message is too large: 33554433 > 33554432".to_owned());
        assert_eq!(refusal(&head(MESSAGE_MAX + 1)), too_large);
        let fragment = [&[0x02, 1, 0][..], &[0x80, 127][..], &(MESSAGE_MAX as u64).to_be_bytes()].concat();
        assert_eq!(refusal(&fragment), too_large);
    }
}
