//! Server-sent events on their way from OpenAI's form into Cloudflare's, piece by piece as they come.
//!
//! OpenAI's servers send a `data:` line for each token, then (because we ask for it) one with the usage, then
//! `data: [DONE]`. Cloudflare's older models send the tokens as `{"response": ...}`, then the usage, then the same end.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use serde_json::{Value, json};

use super::chat::{tool_call, usage};
use crate::{ByteStream, StreamError};

/// The longest line, in bytes: a server that sends none would otherwise be listened to forever.
const LINE_MAX_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Reframed {
    source: Box<dyn ByteStream>,
    /// What has come since the last line's end.
    line: Vec<u8>,
    /// Calls of tools, which come in parts.
    calls: Vec<Value>,
    usage: Value,
    done: bool,
}

impl Reframed {
    pub(super) fn new(source: Box<dyn ByteStream>) -> Self {
        Self { source, line: Vec::new(), calls: Vec::new(), usage: Value::Null, done: false }
    }

    /// What the lines that end within `chunk` become.
    fn take_in(&mut self, chunk: &[u8]) -> Result<Vec<u8>, StreamError> {
        let mut out = Vec::new();
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n')
            && !self.done
        {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, &mut out)?;
        }
        if !self.done {
            self.line.extend_from_slice(rest);
        }
        if self.line.len() > LINE_MAX_BYTES {
            return Err(malformed("it has a line that does not end"));
        }
        Ok(out)
    }

    fn take_line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        // Comments, names of events and empty lines say nothing.
        let Some(data) = line.strip_prefix(b"data:") else { return Ok(()) };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.finish(out);
            return Ok(());
        }
        let event: Value = serde_json::from_slice(data).map_err(|error| malformed(&error.to_string()))?;
        if let Some(said) = event["error"]["message"].as_str() {
            return Err(malformed(said));
        }
        if event["usage"].is_object() {
            self.usage = event["usage"].clone();
        }
        let choice = &event["choices"][0];
        for part in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            self.add_call(part);
        }
        let text = choice["delta"]["content"].as_str().or(choice["text"].as_str());
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            write_event(&json!({ "response": text, "p": "" }), out);
        }
        Ok(())
    }

    /// Adds a part of a call: its name comes once, its arguments piece by piece.
    fn add_call(&mut self, part: &Value) {
        /// A server that is out of its mind must not make us keep calls without end.
        const CALLS_MAX: usize = 128;
        let index = part["index"].as_u64().unwrap_or(0) as usize;
        if index >= CALLS_MAX {
            return;
        }
        while self.calls.len() <= index {
            self.calls.push(json!({ "function": { "name": "", "arguments": "" } }));
        }
        for key in ["name", "arguments"] {
            let known = self.calls[index]["function"][key].as_str().unwrap_or_default();
            let more = part["function"][key].as_str().unwrap_or_default();
            self.calls[index]["function"][key] = format!("{known}{more}").into();
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.done = true;
        if !self.calls.is_empty() {
            let calls: Value = self.calls.iter().map(tool_call).collect();
            write_event(&json!({ "response": "", "tool_calls": calls }), out);
        }
        write_event(&json!({ "response": "", "usage": usage(&self.usage) }), out);
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn write_event(event: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("data: {event}\n\n").as_bytes());
}

fn malformed(why: &str) -> StreamError {
    StreamError { name: "AiError".to_owned(), message: format!("3043: The server's stream broke off: {why}") }
}

impl ByteStream for Reframed {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        while !self.done {
            let out = match ready!(self.source.poll_chunk(context)) {
                Some(Ok(chunk)) => self.take_in(&chunk),
                Some(Err(error)) => Err(error),
                None => Err(malformed("it ended before its end was said")),
            };
            match out {
                Ok(out) if out.is_empty() => {}
                out => return Poll::Ready(Some(out.map(Bytes::from))),
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{block_on, next_chunk};

    struct Pieces(Vec<Vec<u8>>);

    impl ByteStream for Pieces {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
            let next = (!self.0.is_empty()).then(|| self.0.remove(0));
            Poll::Ready(next.map(|piece| Ok(piece.into())))
        }
    }

    fn reframed(text: &str, piece: usize) -> Result<String, String> {
        let pieces = text.as_bytes().chunks(piece).map(<[u8]>::to_vec).collect();
        let mut stream = Reframed::new(Box::new(Pieces(pieces)));
        let mut whole = Vec::new();
        while let Some(chunk) = block_on(next_chunk(&mut stream)).map_err(|error| error.message)? {
            whole.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8(whole).unwrap())
    }

    #[test]
    fn tokens_calls_and_usage_change_their_form_however_they_are_cut() {
        let given = ": a comment\r\n\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\n\
                     data: {\"choices\":[{\"delta\":{\"content\":\"hé\"}}]}\n\n\
                     data:{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n\
                     data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]}}]}\n\n\
                     data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n\
                     data: [DONE]\n\n";
        let expected = "data: {\"p\":\"\",\"response\":\"hé\"}\n\n\
                        data: {\"response\":\"\",\"tool_calls\":[{\"arguments\":{\"a\":1},\"name\":\"f\"}]}\n\n\
                        data: {\"response\":\"\",\"usage\":{\"completion_tokens\":2,\"prompt_tokens\":1,\"total_tokens\":3}}\n\n\
                        data: [DONE]\n\n";
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(reframed(given, piece).as_deref(), Ok(expected), "{piece}");
        }
    }

    #[test]
    fn streams_that_lie_end_in_an_error() {
        let broken = reframed("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", 9).unwrap_err();
        assert_eq!(broken, "3043: The server's stream broke off: it ended before its end was said");
        assert!(reframed("data: {\n\n", 9).is_err());
        assert!(
            reframed(&"x".repeat(LINE_MAX_BYTES + 1), 4096)
                .unwrap_err()
                .ends_with("a line that does not end")
        );
        assert!(reframed("data: {\"error\":{\"message\":\"no\"}}\n", 99).unwrap_err().ends_with(": no"));
    }
}
