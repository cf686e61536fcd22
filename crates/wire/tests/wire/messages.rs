//! WebSocket messages in a stream: found again however it was cut, within their limit, and in a form that is known.

use hognose_wire::Violation;
use hognose_wire::limits::MESSAGE_MAX;
use hognose_wire::messages::{MessageReader, SocketMessage};
use proptest::prelude::*;

fn found(reader: &mut MessageReader, seen: &mut Vec<String>) {
    while let Some(message) = reader.next().unwrap() {
        seen.push(format!("{message:?}"));
    }
}

proptest! {
    #[test]
    fn messages_are_found_however_the_stream_is_cut(
        text in ".{0,40}",
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
        code in any::<u16>(),
        size in 1usize..20,
    ) {
        let messages = [
            SocketMessage::Text(&text),
            SocketMessage::Binary(&bytes),
            SocketMessage::Failed(""),
            SocketMessage::Close { code, reason: &text },
        ];
        let mut stream = Vec::new();
        for message in &messages {
            message.encode(&mut stream).unwrap();
        }
        let (mut reader, mut seen) = (MessageReader::new(), Vec::new());
        for piece in stream.chunks(size) {
            reader.push(piece);
            found(&mut reader, &mut seen);
        }
        let sent: Vec<String> = messages.iter().map(|message| format!("{message:?}")).collect();
        prop_assert_eq!(seen, sent);
    }
}

#[test]
fn a_message_may_be_as_large_as_the_limit_and_no_larger() {
    let mut stream = Vec::new();
    let content = vec![7; MESSAGE_MAX + 1];
    let past = SocketMessage::Binary(&content).encode(&mut stream);
    let too_long = Violation::TooLong { what: "message", size: MESSAGE_MAX + 1, limit: MESSAGE_MAX };
    assert_eq!((past, stream.len()), (Err(too_long), 0));
    let largest = SocketMessage::Binary(&content[..MESSAGE_MAX]);
    largest.encode(&mut stream).unwrap();
    let mut reader = MessageReader::new();
    reader.push(&stream);
    assert_eq!(reader.next(), Ok(Some(largest)));

    stream[1..5].copy_from_slice(&(MESSAGE_MAX as u32 + 1).to_le_bytes());
    let mut reader = MessageReader::new();
    reader.push(&stream[..5]);
    assert!(matches!(reader.next(), Err(Violation::TooLong { .. })), "it is refused before it has come");
}

#[test]
fn what_has_no_known_form_is_refused() {
    let read = |stream: &[u8]| {
        let mut reader = MessageReader::new();
        reader.push(stream);
        reader.next().map(|_| ())
    };
    assert_eq!(read(&[0, 1, 0, 0, 0, 0xff]), Err(Violation::NotText));
    assert_eq!(read(&[4, 0, 0, 0, 0]), Err(Violation::MessageForm));
    assert_eq!(read(&[2, 1, 0, 0, 0, 0]), Err(Violation::MessageForm));
}
