//! An isolate's second socket, on which it blocks for synchronous calls. No binding has such calls yet; whoever makes
//! one is answered with an error at once instead of being left to wait for ever.

use std::sync::Arc;

use hognose_wire::{Decoder, Envelope, Frame, Side, WriteSeq};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::isolate::{Breach, Isolate};
use crate::streams::remote_error;

/// Answers every call with an error, until the isolate ends.
pub(crate) async fn refuse_calls(mut socket: UnixStream, isolate: Arc<Isolate>) {
    let mut decoder = Decoder::new();
    while let Ok(1..) = socket.read_buf(decoder.buffer()).await {
        let mut answers = Vec::new();
        if let Err(breach) = refuse(&mut decoder, &mut answers) {
            return isolate.expel(breach);
        }
        if socket.write_all(&answers).await.is_err() {
            return;
        }
    }
}

fn refuse(decoder: &mut Decoder, answers: &mut Vec<u8>) -> Result<(), Breach> {
    while let Some(Envelope { frame, .. }) = decoder.next()? {
        frame.check_synchronous(Side::Cell)?;
        if let Frame::Call { call, method, .. } = frame {
            let message = format!("`{method}` cannot be called synchronously");
            let frame = Frame::Return { call, result: Err(remote_error("Error", &message)) };
            let answer = Envelope { after: WriteSeq::default(), frame };
            hognose_wire::encode(&answer, answers).expect("invariant: a bounded method name fits a frame");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hognose_wire::{Access, CallId, CapId, CapRef, InvocationId, Payload};

    use super::*;

    fn answers_to(frame: Frame<'_>) -> Result<Vec<u8>, Breach> {
        let (mut bytes, mut decoder, mut answers) = (Vec::new(), Decoder::new(), Vec::new());
        hognose_wire::encode(&Envelope { after: WriteSeq::default(), frame }, &mut bytes).unwrap();
        decoder.push(&bytes);
        refuse(&mut decoder, &mut answers).map(|()| answers)
    }

    #[test]
    fn a_call_is_answered_with_an_error() {
        let target = CapRef::Receiver(CapId(2));
        let (access, params) = (Access::default(), Payload::default());
        let call = Frame::Call { call: CallId(4), invocation: None, target, method: "exec", access, params };
        let mut decoder = Decoder::new();
        decoder.push(&answers_to(call).unwrap());
        let answer = decoder.next::<Envelope<'_>>().unwrap().unwrap().frame;
        let Frame::Return { call, result: Err(error) } = answer else { panic!("{answer:?}") };
        assert_eq!((call, error.message), (CallId(4), "`exec` cannot be called synchronously"));
    }

    #[test]
    fn what_has_no_place_there_is_a_breach() {
        assert!(answers_to(Frame::Started { invocation: InvocationId(1) }).is_err());
    }
}
