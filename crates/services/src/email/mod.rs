//! Email: messages that Workers send are checked as Cloudflare checks them, and kept as files, since a machine of one's
//! own has no name to send mail under.

mod headers;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hognose_wire::email::{MESSAGE_MAX, Send, Sent};

use self::headers::{Headers, address};
use crate::{Answer, Call, CallError, Clock, Failure, Pending, Service, read_whole};

/// Who may write to whom through a binding. Where nothing is said, anybody to anybody.
#[derive(Clone, Debug, Default)]
pub struct EmailRules {
    /// The one recipient.
    pub destination: Option<String>,
    /// The recipients.
    pub destinations: Option<Vec<String>>,
    /// The senders.
    pub senders: Option<Vec<String>>,
}

/// A message that is not sent, and why.
#[derive(Debug, thiserror::Error)]
enum EmailError {
    #[error("email to {0} not allowed")]
    Recipient(String),
    #[error("email from {0} not allowed")]
    Sender(String),
    #[error("could not parse email: {0}")]
    Malformed(&'static str),
    #[error("invalid message-id")]
    MessageId,
    #[error("From: header does not match mail from")]
    From,
    #[error("invalid headers set")]
    Headers,
    #[error("message size exceeds the limit of 25 MiB")]
    TooLarge,
    #[error("Network connection lost.")]
    Incomplete,
    #[error("the message could not be kept")]
    Disk(#[source] io::Error),
}

impl From<EmailError> for CallError {
    fn from(error: EmailError) -> Self {
        let message = error.to_string();
        let cause = match error {
            EmailError::Disk(source) => Some(source.to_string()),
            _ => None,
        };
        Self::Failed(Failure { name: Cow::Borrowed("Error"), message, retryable: false, cause })
    }
}

/// What takes messages.
pub struct EmailService {
    folder: PathBuf,
    rules: EmailRules,
    clock: Arc<dyn Clock>,
}

impl EmailService {
    /// Keeps messages in `folder`, which must exist.
    pub fn new(folder: &Path, rules: EmailRules, clock: Arc<dyn Clock>) -> Self {
        Self { folder: folder.to_owned(), rules, clock }
    }
}

impl Service for EmailService {
    fn call(&self, mut call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        if call.method != "send" {
            return Pending::Ready(Err(CallError::unknown_method("email", call.method)));
        }
        let send: Send = match call.read_params() {
            Ok(send) => send,
            Err(error) => return Pending::Ready(Err(error)),
        };
        let Some(body) = std::mem::take(&mut call.bodies).into_iter().next() else {
            return Pending::Ready(Err(CallError::violation("`send` takes a body")));
        };
        let (folder, rules, now_ms) = (self.folder.clone(), self.rules.clone(), self.clock.now_ms());
        Pending::later(async move {
            if body.length().is_some_and(|length| length > MESSAGE_MAX as u64) {
                return Err(EmailError::TooLarge.into());
            }
            let message = read_whole(body).await.map_err(|_| EmailError::Incomplete)?;
            let to = rules.recipients(&send)?;
            let message_id = check(&send, &message)?;
            let file = keep(&folder, &send.from, &to, &message, now_ms).map_err(EmailError::Disk)?;
            Ok(Answer::of(&Sent { message_id, file: file.to_string_lossy().into_owned() }))
        })
    }
}

impl EmailRules {
    /// Those that the message is for, all of them allowed.
    fn recipients(&self, send: &Send) -> Result<Vec<String>, EmailError> {
        if !send.is_own {
            return Ok(send.to.clone());
        }
        if self.senders.as_ref().is_some_and(|senders| !senders.contains(&send.from)) {
            return Err(EmailError::Sender(send.from.clone()));
        }
        let to = match (&send.to[..], &self.destination) {
            ([], Some(destination)) => vec![destination.clone()],
            (to, _) => to.to_vec(),
        };
        let is_allowed = |recipient: &String| {
            self.destination.as_ref().is_none_or(|one| one == recipient)
                && self.destinations.as_ref().is_none_or(|some| some.contains(recipient))
        };
        match to.iter().find(|recipient| !is_allowed(recipient)) {
            Some(refused) => Err(EmailError::Recipient(refused.clone())),
            None => Ok(to),
        }
    }
}

/// The message's id. What the Worker wrote itself must be well-formed.
fn check(send: &Send, message: &[u8]) -> Result<String, EmailError> {
    if message.len() > MESSAGE_MAX {
        return Err(EmailError::TooLarge);
    }
    let headers = Headers::read(message).ok_or(EmailError::Malformed("it has no headers"))?;
    let message_id = headers.get("message-id").map(address).filter(|id| id.contains('@'));
    let message_id = message_id.ok_or(EmailError::MessageId)?.to_owned();
    if send.is_own {
        let from = headers.get("from").ok_or(EmailError::Malformed("it has no From: header"))?;
        if !address(from).eq_ignore_ascii_case(&send.from) {
            return Err(EmailError::From);
        }
        if headers.get("received").is_some() {
            return Err(EmailError::Headers);
        }
    }
    Ok(message_id)
}

/// Writes a message to a file of its own, its envelope on top as a server that has delivered it puts it there.
fn keep(folder: &Path, from: &str, to: &[String], message: &[u8], now_ms: i64) -> io::Result<PathBuf> {
    let path = folder.join(format!("{now_ms}-{}.eml", &crate::random::name()[..8]));
    let plain = |text: &str| text.replace(['\r', '\n'], " ");
    let mut content = format!("Return-Path: <{}>\r\n", plain(from)).into_bytes();
    for recipient in to {
        content.extend_from_slice(format!("Delivered-To: {}\r\n", plain(recipient)).as_bytes());
    }
    content.extend_from_slice(message);
    fs::write(&path, content)?;
    Ok(path)
}
