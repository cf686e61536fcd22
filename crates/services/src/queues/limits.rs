//! Cloudflare's limits on queues, and what it says where one is passed.

use hognose_wire::queues::NewMessage;

use super::{Message, QueueError};

/// The largest message, in bytes.
pub const MESSAGE_MAX_BYTES: usize = 128_000;
/// The most messages of one `sendBatch`.
pub const BATCH_MAX_MESSAGES: usize = 100;
/// The largest `sendBatch`, in bytes. Documented as 256,000; this is what is refused.
pub const BATCH_MAX_BYTES: usize = 288_000;
/// The longest delay, in seconds.
pub const DELAY_MAX_S: i64 = 86_400;
/// The largest delivery, in bytes of bodies; a message that is larger by itself goes alone.
pub const DELIVERY_MAX_BYTES: usize = 256_000;
/// How long a message is kept, in seconds, where its queue does not say: four days.
pub const RETENTION_S: i64 = 4 * 86_400;
/// The shortest and the longest time that a queue can be told to keep messages, in seconds.
pub const RETENTION_RANGE_S: std::ops::RangeInclusive<i64> = 60..=14 * 86_400;
/// How long a handler may take, in milliseconds; its messages can be delivered anew after that.
pub const HANDLER_MAX_MS: i64 = 15 * 60_000;
/// The largest call as it travels, in bytes: limits are checked on what was read.
pub(super) const CALL_MAX_BYTES: usize = 32 << 20;

/// Messages that can be sent, with the delays that hold for them.
pub(super) fn checked(
    messages: Vec<NewMessage>,
    is_batch: bool,
    delay_s: i64,
) -> Result<Vec<Message>, QueueError> {
    let (count, total) = (messages.len(), messages.iter().map(|message| message.body.len()).sum::<usize>());
    if count > BATCH_MAX_MESSAGES {
        let text = format!("batch message count of {count} exceeds limit of {BATCH_MAX_MESSAGES}");
        return Err(QueueError::Refused(text));
    }
    let checked = messages.into_iter().map(|message| one(message, is_batch, delay_s)).collect();
    if total > BATCH_MAX_BYTES {
        return Err(QueueError::Refused(format!("batch size of {total} bytes exceeds limit of 256000")));
    }
    checked
}

fn one(message: NewMessage, is_batch: bool, delay_s: i64) -> Result<Message, QueueError> {
    let size = message.body.len();
    if size > MESSAGE_MAX_BYTES {
        return Err(QueueError::Refused(if is_batch {
            format!(
                "message in batch has length {size} bytes which exceeds single message size limit of {MESSAGE_MAX_BYTES}"
            )
        } else {
            format!("message length of {size} bytes exceeds limit of {MESSAGE_MAX_BYTES}")
        }));
    }
    let delay_s = message.delay_s.unwrap_or(delay_s);
    if !(0..=DELAY_MAX_S).contains(&delay_s) {
        let rule = format!("it must be a whole number of seconds from 0 to {DELAY_MAX_S}");
        return Err(QueueError::Refused(format!("message delay {delay_s} is invalid: {rule}")));
    }
    Ok(Message { content_type: message.content_type, body: message.body, delay_s })
}
