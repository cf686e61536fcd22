//! Text codecs, over `encoding_rs`.

use std::cell::RefCell;

use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding, REPLACEMENT};
use hognose_engine::{Context, Result, Value};

use super::{Arguments, Natives};

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("encodeUtf8", |context, arguments| context.uint8_array(arguments.string(0)?.into_bytes()))?;
    natives.add("encodeUtf8Prefix", encode_prefix)?;
    natives.add("decodeUtf8", |context, arguments| {
        let text =
            arguments.read_bytes(0, |bytes| encoding_rs::UTF_8.decode_with_bom_removal(bytes).0.into_owned());
        context.string(&text)
    })?;
    natives.add("encodingName", |context, arguments| match encoding_of(&arguments.string(0)?) {
        Some(encoding) => context.string(&encoding.name().to_lowercase()),
        None => Ok(context.undefined()),
    })?;
    natives.add("newDecoder", new_decoder)
}

/// `[bytes, read]`: as many whole characters as fit into `limit` bytes, and how many UTF-16 units those were.
fn encode_prefix(context: Context, arguments: &Arguments) -> Result<Value> {
    let text = arguments.string(0)?;
    let limit = arguments.number(1) as usize;
    let end = text.floor_char_boundary(limit);
    let read = text[..end].encode_utf16().count();
    let bytes = context.uint8_array(text.as_bytes()[..end].to_vec())?;
    context.array(&[bytes, context.number(read as f64)])
}

fn encoding_of(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT)
}

/// A function `(bytes, last)` that decodes piece by piece; `undefined` for malformed input where that is fatal.
fn new_decoder(context: Context, arguments: &Arguments) -> Result<Value> {
    let encoding = encoding_of(&arguments.string(0)?).unwrap_or(encoding_rs::UTF_8);
    let (fatal, ignore_bom) = (arguments.boolean(1), arguments.boolean(2));
    let start = move || {
        if ignore_bom {
            encoding.new_decoder_without_bom_handling()
        } else {
            encoding.new_decoder_with_bom_removal()
        }
    };
    let decoder = RefCell::new(start());
    context.function("decode", 2, move |context, _, values| {
        let arguments = Arguments { context, values };
        let last = arguments.boolean(1);
        let decoder = &mut *decoder.borrow_mut();
        let text = arguments.read_bytes(0, |bytes| decode(decoder, bytes, last, fatal));
        if last {
            *decoder = start();
        }
        text.map_or_else(|| Ok(context.undefined()), |text| context.string(&text))
    })
}

fn decode(decoder: &mut Decoder, bytes: &[u8], last: bool, fatal: bool) -> Option<String> {
    if fatal { decode_strictly(decoder, bytes, last) } else { Some(decode_leniently(decoder, bytes, last)) }
}

fn decode_leniently(decoder: &mut Decoder, bytes: &[u8], last: bool) -> String {
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len()));
    let mut start = 0;
    loop {
        let (result, read, _) = decoder.decode_to_string(&bytes[start..], &mut text, last);
        start += read;
        match result {
            CoderResult::InputEmpty => return text,
            CoderResult::OutputFull => text.reserve(bytes.len() - start + 16),
        }
    }
}

fn decode_strictly(decoder: &mut Decoder, bytes: &[u8], last: bool) -> Option<String> {
    let capacity = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(capacity.unwrap_or(bytes.len()));
    let mut start = 0;
    loop {
        let (result, read) = decoder.decode_to_string_without_replacement(&bytes[start..], &mut text, last);
        start += read;
        match result {
            DecoderResult::InputEmpty => return Some(text),
            DecoderResult::OutputFull => text.reserve(bytes.len() - start + 16),
            DecoderResult::Malformed(..) => return None,
        }
    }
}
