//! Frames from a cell, one after the other, into the tables of the end that reads them. A frame that breaks the protocol
//! ends the connection; until then every table stays within its limit.

#![no_main]

use hognose_wire::fetch;
use hognose_wire::messages::MessageReader;
use hognose_wire::limits::{CALLS_MAX, CAPS_MAX, MESSAGE_MAX, STREAM_WINDOW, STREAMS_MAX};
use hognose_wire::{
    Accepted, Body, CallId, CapId, CapRef, Decoder, Envelope, Event, Exports, Frame, Imports, IncomingStream,
    InvocationId, Opened, Outcome, OutgoingStream, Payload, Side, SocketEvent, StreamId,
    Violation,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut supervisor = End::new();
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    while let Ok(Some(message)) = decoder.next::<Envelope>() {
        if message.frame.check(Side::Cell).and_then(|()| supervisor.take(&message.frame)).is_err() {
            break;
        }
        supervisor.assert_bounds();
    }
});

/// The supervisor's end, with a little of everything open.
struct End {
    invocations: Opened<InvocationId, ()>,
    calls_made: Opened<CallId, ()>,
    calls_taken: Accepted<CallId, Option<CapId>>,
    outgoing: Opened<StreamId, OutgoingStream>,
    incoming: Accepted<StreamId, (IncomingStream, MessageReader)>,
    exports: Exports<u32>,
    imports: Imports,
}

impl End {
    fn new() -> Self {
        let mut end = Self {
            invocations: Opened::invocations(),
            calls_made: Opened::calls(),
            calls_taken: Accepted::new(),
            outgoing: Opened::streams(Side::Supervisor),
            incoming: Accepted::new(),
            exports: Exports::new(),
            imports: Imports::new(),
        };
        end.exports.pin(CapId::ROOT, 0);
        for value in 1..4 {
            end.exports.insert(value).expect("there is room for the first");
            end.invocations.open(()).expect("there is room for the first");
            end.calls_made.open(()).expect("there is room for the first");
            let mut stream = OutgoingStream::new(1 << 20);
            stream.enqueue(300_000).expect("this much may wait");
            end.outgoing.open(stream).expect("there is room for the first");
        }
        end
    }

    fn take(&mut self, frame: &Frame) -> Result<(), Violation> {
        match frame {
            Frame::Complete { outcome, .. } => self.outcome(outcome),
            Frame::Settled { invocation, .. } => self.invocations.close(*invocation),
            Frame::Call { call, target, access, params, .. } => {
                let (CapRef::Sender(cap) | CapRef::Receiver(cap)) = target;
                self.exports.get(*cap)?;
                self.calls_taken.accept(*call, access.promise)?;
                access.promise.map_or(Ok(()), |promise| self.exports.insert_promise(promise, 9))?;
                self.payload(params)?;
                let Body::Inline(bytes) = params.bytes else { return Ok(()) };
                fetch::read_request(bytes, Side::Cell).map_or(Ok(()), |request| self.body(&request.body))
            }
            Frame::Return { call, result } => {
                self.calls_made.close(*call)?;
                result.as_ref().map_or(Ok(()), |value| self.payload(value))
            }
            Frame::CancelCall { call } => {
                self.calls_taken.remove(*call);
                Ok(())
            }
            Frame::Release { cap, count } => self.exports.release(*cap, *count).map(drop),
            Frame::Invoke { event, props, .. } => {
                self.payload(props)?;
                self.event(event)
            }
            _ => self.stream(frame),
        }
    }

    fn stream(&mut self, frame: &Frame) -> Result<(), Violation> {
        match frame {
            Frame::StreamData { stream, bytes } => {
                self.incoming.get_mut(*stream).map_or(Ok(()), |(reader, messages)| {
                    reader.receive(bytes.len())?;
                    reader.read(bytes.len());
                    reader.grant();
                    messages.push(bytes);
                    while let Some(message) = messages.next()? {
                        assert!(message.size() <= MESSAGE_MAX);
                    }
                    Ok(())
                })
            }
            Frame::StreamEnd { stream } | Frame::StreamAbort { stream, .. } => {
                self.incoming.close(*stream).map(drop)
            }
            Frame::StreamCredit { stream, bytes } => {
                self.outgoing.get_mut(*stream).map_or(Ok(()), |writer| {
                    writer.grant(*bytes)?;
                    while writer.take() > 0 {}
                    Ok(())
                })
            }
            Frame::StreamCancel { stream, .. } => {
                self.outgoing.remove(*stream);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Fetch(request) => self.body(&request.body),
            Event::Rpc { args: value, .. }
            | Event::Queue { batch: value, .. }
            | Event::Other { payload: value, .. } => self.payload(value),
            Event::WebSocket { socket, event } => {
                self.cap(*socket)?;
                if let SocketEvent::Message { bytes, .. } = event { self.body(bytes) } else { Ok(()) }
            }
            Event::Scheduled { .. } | Event::Alarm { .. } | Event::Test => Ok(()),
        }
    }

    fn outcome(&mut self, outcome: &Outcome) -> Result<(), Violation> {
        match outcome {
            Outcome::Response(response) => {
                response.web_socket.map_or(Ok(()), |socket| self.cap(socket))?;
                self.body(&response.body)
            }
            Outcome::Value(value) => self.payload(value),
            Outcome::Done | Outcome::Error(_) => Ok(()),
        }
    }

    fn payload(&mut self, value: &Payload) -> Result<(), Violation> {
        value.caps.iter().try_for_each(|cap| self.cap(*cap))?;
        value.bodies.iter().try_for_each(|body| self.body(body))?;
        self.body(&value.bytes)
    }

    fn cap(&mut self, cap: CapRef) -> Result<(), Violation> {
        match cap {
            CapRef::Sender(cap) => self.imports.receive(cap),
            CapRef::Receiver(cap) => self.exports.get(cap).map(drop),
        }
    }

    fn body(&mut self, body: &Body) -> Result<(), Violation> {
        match body {
            Body::None | Body::Inline(_) => Ok(()),
            Body::Stream { stream, .. } => {
                let mut reader = IncomingStream::default();
                assert_eq!(reader.grant(), Some(STREAM_WINDOW));
                self.incoming.accept(*stream, (reader, MessageReader::new()))
            }
            Body::Returned { stream } => self.outgoing.close(*stream).map(drop),
        }
    }

    fn assert_bounds(&self) {
        assert!(self.calls_taken.len() <= CALLS_MAX);
        assert!(self.incoming.len() <= STREAMS_MAX);
        assert!(self.exports.counted() <= CAPS_MAX && self.imports.len() <= CAPS_MAX);
    }
}
