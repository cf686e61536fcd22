//! Every bound of the wire, by name. Sizes are bytes unless the name says otherwise.

use std::borrow::Cow;

/// The largest frame, without its four-byte length. Larger content is streamed.
pub const FRAME_MAX: usize = 1 << 20;
/// The largest body that may stand inside a frame; above it, it becomes a stream.
pub const INLINE_MAX: usize = 256 << 10;
/// The largest value ([`crate::Payload::bytes`]) that may stand inside a frame; above it, it becomes a stream. It has
/// room for an HTTP message whose head and inline body are both at their limits.
pub const VALUE_INLINE_MAX: usize = FRAME_MAX / 2;
/// The largest piece of a stream in one frame.
pub const CHUNK_MAX: usize = 64 << 10;
/// How many bytes a stream's reader lets its writer run ahead.
pub const STREAM_WINDOW: u32 = 256 << 10;
/// The largest WebSocket message (workerd's constant).
pub const MESSAGE_MAX: usize = 32 << 20;
/// The largest serialised RPC value.
pub const VALUE_MAX: usize = 32 << 20;
/// The most header fields of one request or response.
pub const HEADERS_MAX: usize = 1024;
/// The largest sum of header names and values (Cloudflare: 128 KB).
pub const HEADER_BYTES_MAX: usize = 128 << 10;
/// The largest URL (Cloudflare: 16 KB).
pub const URL_MAX: usize = 16 << 10;
/// The most capabilities listed beside one value.
pub const CAPS_PER_VALUE_MAX: usize = 1024;
/// The most bodies listed beside one value.
pub const BODIES_PER_VALUE_MAX: usize = 256;
/// The most properties between a target and its method (workerd's constant).
pub const PATH_MAX: usize = 64;
/// The longest name: of a method, property, entrypoint, handler, queue, object, HTTP method, error class.
pub const NAME_MAX: usize = 4 << 10;
/// The longest `cf` object, as JSON.
pub const CF_MAX: usize = 64 << 10;
/// The most capabilities one isolate may hold or export at a time.
pub const CAPS_MAX: usize = 16 << 10;
/// The most calls one isolate may have open at a time.
pub const CALLS_MAX: usize = 4096;
/// The most streams one isolate may have open at a time: two for each WebSocket, and as many again.
pub const STREAMS_MAX: usize = 64 << 10;
/// The most invocations one isolate may serve at a time. An open WebSocket keeps the one that accepted it.
pub const INVOCATIONS_MAX: usize = 16 << 10;
/// The most entrypoints one Worker exports, and the most methods one of them advertises.
pub const EXPORTS_MAX: usize = 1024;
/// The most remarks (warnings, threads left running) about the loading of one Worker.
pub const REMARKS_MAX: usize = 256;
/// The longest log line; the rest is cut with a mark.
pub const LOG_LINE_MAX: usize = 16 << 10;
/// The longest text of an error (its traceback included); the rest is cut with a mark.
pub const ERROR_TEXT_MAX: usize = 64 << 10;

/// What stands for the rest of a text that was cut.
const CUT_MARK: &str = " … [cut]";

/// `text`, or as much of its beginning as fits into `bytes_max` with a mark behind it.
pub fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(CUT_MARK.len()));
    Cow::Owned(format!("{}{CUT_MARK}", &text[..end]))
}
