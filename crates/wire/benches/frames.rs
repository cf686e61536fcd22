//! What a request costs on the wire: an invocation and its response, written and read. `cargo bench -p hognose-wire`
//! prints nanoseconds each; an optimised build must stay well under a thousand.

use std::hint::black_box;
use std::time::Instant;

use hognose_wire::{
    Body, Decoder, Envelope, Event, Frame, HttpRequest, HttpResponse, InvocationId, Outcome, Payload,
    StreamId, WriteSeq, encode,
};

const ROUNDS: u32 = 200_000;

fn main() {
    measure("hello Invoke", &invoke());
    measure("hello Complete", &complete());
    let chunk = vec![7; 64 << 10];
    measure("64 KiB of a stream", &Frame::StreamData { stream: StreamId(1), bytes: &chunk });
}

fn invoke() -> Frame<'static> {
    let request = HttpRequest {
        method: "GET",
        url: "http://localhost:8787/",
        headers: vec![("host", b"localhost:8787"), ("user-agent", b"curl/8.5.0"), ("accept", b"*/*")],
        cf: "",
        follow_redirects: false,
        body: Body::None,
    };
    let event = Event::Fetch(request);
    Frame::Invoke {
        invocation: InvocationId(1),
        entrypoint: None,
        object: None,
        props: Payload::default(),
        event,
    }
}

fn complete() -> Frame<'static> {
    let response = HttpResponse {
        status: 200,
        status_text: "OK",
        url: "",
        redirected: false,
        headers: vec![("content-type", b"text/plain;charset=UTF-8")],
        encoded: false,
        body: Body::Inline(b"Hello, World!"),
        web_socket: None,
    };
    Frame::Complete { invocation: InvocationId(1), outcome: Outcome::Response(response) }
}

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn measure(what: &str, frame: &Frame) {
    let message = Envelope { after: WriteSeq(0), frame: frame.clone() };
    let mut bytes = Vec::new();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        bytes.clear();
        encode(black_box(&message), &mut bytes).expect("the frame is within its limits");
    }
    let written = started.elapsed() / ROUNDS;
    let mut decoder = Decoder::new();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        decoder.push(black_box(&bytes));
        black_box(decoder.next::<Envelope>().expect("what was written can be read"));
    }
    let read = started.elapsed() / ROUNDS;
    println!("{what}: {} bytes, written in {written:?}, read in {read:?}", bytes.len());
}
