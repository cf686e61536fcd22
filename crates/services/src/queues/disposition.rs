//! From what a handler did with its batch to what becomes of each message. The table is Cloudflare's.

use std::collections::{HashMap, HashSet};

use super::{Delivered, Disposition};

/// What becomes of a delivered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Ack,
    /// It is to be delivered again, after so many seconds; `None`: as the consumer's rules say.
    Retry(Option<i64>),
}

/// The verdicts on a batch. What the handler said of single messages counts most, then what it said of all; what it
/// said nothing of is done, unless it failed.
pub fn verdicts(disposition: &Disposition, messages: Vec<Delivered>) -> Vec<(Delivered, Verdict)> {
    let acks: HashSet<&str> = disposition.acks.iter().map(String::as_str).collect();
    let retries: HashMap<&str, Option<i64>> =
        disposition.retries.iter().map(|(id, delay_s)| (id.as_str(), *delay_s)).collect();
    let by_default = || match disposition {
        Disposition { ack_all: true, .. } => Verdict::Ack,
        Disposition { retry_all: true, retry_all_delay, .. } => Verdict::Retry(*retry_all_delay),
        Disposition { failed: true, .. } => Verdict::Retry(None),
        _ => Verdict::Ack,
    };
    let verdict = |message: &Delivered| {
        if acks.contains(message.id.as_str()) || (disposition.failed && disposition.ack_all) {
            return Verdict::Ack;
        }
        match retries.get(message.id.as_str()) {
            Some(own_delay_s) => Verdict::Retry(own_delay_s.or(disposition.retry_all_delay)),
            None => by_default(),
        }
    };
    messages
        .into_iter()
        .map(|message| (verdict(&message), message))
        .map(|(verdict, message)| (message, verdict))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdicts};
    use crate::queues::{ContentType, Delivered, Disposition};

    fn judged(disposition: &Disposition) -> Vec<Verdict> {
        let message = |id: &str| Delivered {
            id: id.to_owned(),
            timestamp_ms: 0,
            attempts: 1,
            content_type: ContentType::Text,
            body: vec![],
        };
        let batch = ["acked", "retried", "other"].map(message).to_vec();
        verdicts(disposition, batch).into_iter().map(|(_, verdict)| verdict).collect()
    }

    #[test]
    fn the_table_of_outcomes() {
        use Verdict::{Ack, Retry};
        let said = Disposition {
            acks: vec!["acked".to_owned()],
            retries: vec![("retried".to_owned(), Some(5))],
            ..Disposition::default()
        };
        let (mine, all) = (Retry(Some(5)), Retry(Some(9)));
        assert_eq!(judged(&said), [Ack, mine, Ack]);
        assert_eq!(judged(&Disposition { ack_all: true, ..said.clone() }), [Ack, mine, Ack]);
        let retry_all = Disposition { retry_all: true, retry_all_delay: Some(9), ..said.clone() };
        assert_eq!(judged(&retry_all), [Ack, mine, all]);
        assert_eq!(judged(&Disposition { failed: true, ..said.clone() }), [Ack, mine, Retry(None)]);
        assert_eq!(judged(&Disposition { failed: true, ack_all: true, ..said }), [Ack, Ack, Ack]);
        assert_eq!(judged(&Disposition { failed: true, ..Disposition::default() }), [Retry(None); 3]);
    }
}
