//! A client's body, which is not waited for without end: whoever sends a byte a day holds an invocation otherwise.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hognose_services::{ByteStream, StreamError};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::body::{connection_lost, poll_network};
use crate::limits::BODY_PAUSE_MAX;

/// A body whose next piece is waited for [`BODY_PAUSE_MAX`] at the most. The time in which nobody reads does not count.
pub(super) struct Patient<B = Incoming> {
    body: B,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<B> Patient<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body, pause: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send> ByteStream for Patient<B> {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let chunk = poll_network(&mut self.body, context);
        if chunk.is_ready() {
            self.pause = None;
            return chunk;
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(BODY_PAUSE_MAX)));
        match pause.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(connection_lost()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use http_body::Frame;
    use http_body_util::Full;
    use tokio::sync::mpsc;

    use super::*;

    struct Pieces(mpsc::Receiver<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    async fn next(
        body: &mut Patient<impl Body<Data = Bytes> + Unpin + Send>,
    ) -> Option<Result<Bytes, StreamError>> {
        poll_fn(|context| body.poll_chunk(context)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_sending_is_given_up() {
        let (sender, pieces) = mpsc::channel(1);
        let mut body = Patient::new(Pieces(pieces));
        for _ in 0..3 {
            let begun = tokio::time::Instant::now();
            let late = async {
                tokio::time::sleep(BODY_PAUSE_MAX.mul_f64(0.99)).await;
                sender.send(Bytes::from_static(b"x")).await.unwrap();
            };
            let (chunk, ()) = tokio::join!(next(&mut body), late);
            assert_eq!(chunk.unwrap().unwrap(), "x", "each piece has its time");
            assert!(begun.elapsed() < BODY_PAUSE_MAX);
        }
        let given_up = next(&mut body).await.unwrap().unwrap_err();
        assert_eq!(given_up.message, "Network connection lost.");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_reads_is_kept() {
        let mut body = Patient::new(Full::new(Bytes::from_static(b"x")));
        tokio::time::sleep(BODY_PAUSE_MAX * 2).await;
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "x");
    }
}
