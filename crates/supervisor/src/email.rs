//! Having a Worker's `email` handler take a message.

use std::sync::Arc;

use bytes::Bytes;
use hognose_wire::email::{Delivery, EmailReport};

use crate::body::Body;
use crate::isolate::Answer;
use crate::version::Version;

/// What a Worker did with a message.
pub(crate) enum EmailResult {
    /// It took it.
    Taken,
    /// It rejected it; why.
    Rejected(String),
    /// Its handler raised; what, was logged.
    Raised,
    /// The handler never ended; why.
    Lost(String),
}

impl EmailResult {
    fn of(answer: Answer) -> Self {
        match answer {
            Answer::Value(value) => match &value.bytes {
                Body::Whole(bytes) => Self::read(bytes),
                _ => Self::Lost("the report of the handler is missing".into()),
            },
            Answer::Raised(_) => Self::Raised,
            Answer::Lost(reason) => Self::Lost(reason),
            Answer::Done | Answer::Response(_) => {
                unreachable!("invariant: an isolate that answers an event with anything else is killed")
            }
        }
    }

    fn read(bytes: &[u8]) -> Self {
        match hognose_wire::decode::<EmailReport>(bytes) {
            Ok(EmailReport { failed: true, .. }) => Self::Raised,
            Ok(EmailReport { rejected: Some(reason), .. }) => Self::Rejected(reason),
            Ok(_) => Self::Taken,
            Err(error) => Self::Lost(error.to_string()),
        }
    }
}

impl Version {
    /// Runs the handler for a message between the two addresses of its envelope.
    pub(crate) async fn run_email(
        self: &Arc<Self>,
        from: String,
        to: String,
        message: &Bytes,
    ) -> EmailResult {
        let through = self.email_through().unwrap_or_default().0;
        let delivery = postcard::to_allocvec(&Delivery { through, from, to });
        let delivery = delivery.expect("invariant: a delivery is plain data");
        EmailResult::of(self.ask(|isolate| isolate.email(&delivery, message)).await)
    }
}
