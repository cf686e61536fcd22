//! `JSON.parse` of text in Latin-1, as nearly all of it is, into values at once, without a token in between.

use std::ffi::c_int;

use crate::layout::{self, Units};
use crate::{Attributes, Context, Result, Thrown, Value, raw};

/// How deep plain data goes.
const MAX_DEPTH: usize = 200;
/// Configurable, writable and enumerable.
const ORDINARY: c_int = raw::JS_PROP_C_W_E as c_int;

pub(super) fn install(context: Context, json: &Value) -> Result<()> {
    let general = json.get("parse")?;
    let parse = context.function("parse", 2, move |context, this, arguments| match arguments {
        [text, others @ ..] if others.iter().all(Value::is_nullish) => match parse(context, text) {
            Ok(value) => Ok(value),
            Err(Failure::Thrown(thrown)) => Err(thrown),
            Err(Failure::Unusual) => general.call(this, arguments),
        },
        _ => general.call(this, arguments),
    })?;
    json.define_with("parse", &parse, Attributes::METHOD)
}

enum Failure {
    /// No JSON, or such as is rare: for QuickJS to read, and to complain about.
    Unusual,
    Thrown(Thrown),
}

impl From<Thrown> for Failure {
    fn from(thrown: Thrown) -> Failure {
        Failure::Thrown(thrown)
    }
}

type Parsed<T = Value> = std::result::Result<T, Failure>;

fn parse(context: Context, text: &Value) -> Parsed {
    let raw = text.as_raw();
    // SAFETY: the tag says that it is a string, which the caller keeps alive and nothing can change.
    let units = unsafe { (raw::JS_VALUE_GET_TAG(raw) == raw::JS_TAG_STRING).then(|| layout::units(raw)) };
    let Some(Units::Narrow(text)) = units else { return Err(Failure::Unusual) };
    let mut parser = Parser { context, text, at: 0, depth: 0 };
    let value = parser.value()?;
    if parser.next_mark().is_some() { Err(Failure::Unusual) } else { Ok(value) }
}

struct Parser<'a> {
    context: Context,
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// What comes after white space.
    fn next_mark(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    /// Takes one of two marks; whether it was the first.
    fn one_of(&mut self, first: u8, second: u8) -> Parsed<bool> {
        let mark = self.next_mark();
        if mark != Some(first) && mark != Some(second) {
            return Err(Failure::Unusual);
        }
        self.at += 1;
        Ok(mark == Some(first))
    }

    fn value(&mut self) -> Parsed {
        match self.next_mark() {
            Some(b'"') => self.string(),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", self.context.boolean(true)),
            Some(b'f') => self.word(b"false", self.context.boolean(false)),
            Some(b'n') => self.word(b"null", self.context.null()),
            _ => Err(Failure::Unusual),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Parsed {
        if !self.text[self.at..].starts_with(word) {
            return Err(Failure::Unusual);
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Parsed) -> Parsed {
        if self.depth == MAX_DEPTH {
            return Err(Failure::Unusual);
        }
        self.at += 1;
        self.depth += 1;
        let value = inner(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Parsed {
        let mut items = Vec::new();
        if self.next_mark() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                items.push(self.value()?);
                if !self.one_of(b',', b']')? {
                    break;
                }
            }
        }
        let items: Vec<_> = items.into_iter().map(Value::into_raw).collect();
        let (count, items) = (items.len() as c_int, items.as_ptr());
        // SAFETY: the crate's invariant; the call takes over every item, also when it fails.
        Ok(unsafe { self.context.own(raw::JS_NewArrayFrom(self.context.as_ptr(), count, items)) }?)
    }

    fn object(&mut self) -> Parsed {
        let object = self.context.object()?;
        if self.next_mark() == Some(b'}') {
            self.at += 1;
            return Ok(object);
        }
        loop {
            if self.next_mark() != Some(b'"') {
                return Err(Failure::Unusual);
            }
            let name = self.name()?;
            if self.next_mark() != Some(b':') {
                return Err(Failure::Unusual);
            }
            self.at += 1;
            let (value, context) = (self.value()?.into_raw(), self.context.as_ptr());
            // SAFETY: the crate's invariant; the call takes over the value, and the object is our own.
            let code = unsafe {
                raw::JS_DefinePropertyValue(context, object.as_raw(), name.as_raw(), value, ORDINARY)
            };
            self.context.answer(code)?;
            if !self.one_of(b',', b'}')? {
                return Ok(object);
            }
        }
    }

    /// The name of a property. Without escapes it need not become a string first.
    fn name(&mut self) -> Parsed<crate::Atom> {
        let begin = self.at;
        let plain = self.plain_string()?;
        if let Some(name) =
            plain.and_then(|name| std::str::from_utf8(name).ok()).filter(|name| name.is_ascii())
        {
            return Ok(self.context.atom(name)?);
        }
        self.at = begin;
        Ok(crate::Key::intern(&self.string()?, self.context)?)
    }

    /// The units between quotes, if none of them is escaped.
    fn plain_string(&mut self) -> Parsed<Option<&'a [u8]>> {
        let rest = &self.text[self.at + 1..];
        let end = rest.iter().position(|&unit| unit == b'"' || unit == b'\\' || unit < b' ');
        let end = end.ok_or(Failure::Unusual)?;
        match rest[end] {
            b'"' => {
                self.at += end + 2;
                Ok(Some(&rest[..end]))
            }
            b'\\' => Ok(None),
            _ => Err(Failure::Unusual),
        }
    }

    fn string(&mut self) -> Parsed {
        match self.plain_string()? {
            Some(units) if units.is_ascii() => Ok(self.make_string(units)?),
            Some(units) => {
                let text: String = units.iter().copied().map(char::from).collect();
                Ok(self.context.string(&text)?)
            }
            None => self.escaped_string(),
        }
    }

    fn make_string(&self, ascii: &[u8]) -> Result<Value> {
        let (start, length) = (ascii.as_ptr().cast(), ascii.len() as raw::size_t);
        // SAFETY: the crate's invariant; the units are UTF-8, and copied.
        unsafe { self.context.own(raw::JS_NewStringLen(self.context.as_ptr(), start, length)) }
    }

    fn escaped_string(&mut self) -> Parsed {
        let mut units = Vec::new();
        self.at += 1;
        loop {
            let unit = self.peek().ok_or(Failure::Unusual)?;
            self.at += 1;
            match unit {
                b'"' => break,
                b'\\' => units.push(self.escape()?),
                0..b' ' => return Err(Failure::Unusual),
                _ => units.push(unit.into()),
            }
        }
        if units.iter().all(|&unit| unit < 0x100) {
            let text: String = units.into_iter().map(|unit| char::from(unit as u8)).collect();
            return Ok(self.context.string(&text)?);
        }
        let (start, length) = (units.as_ptr(), units.len() as raw::size_t);
        // SAFETY: the crate's invariant; the units are copied.
        Ok(unsafe { self.context.own(raw::JS_NewStringUTF16(self.context.as_ptr(), start, length)) }?)
    }

    /// The unit that what follows a backslash stands for.
    fn escape(&mut self) -> Parsed<u16> {
        let letter = self.peek().ok_or(Failure::Unusual)?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => letter.into(),
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4).ok_or(Failure::Unusual)?;
                self.at += 4;
                digits.iter().try_fold(0, |unit, &digit| {
                    let digit = char::from(digit).to_digit(16).ok_or(Failure::Unusual)?;
                    Ok::<u16, Failure>(unit << 4 | digit as u16)
                })?
            }
            _ => return Err(Failure::Unusual),
        })
    }

    fn number(&mut self) -> Parsed {
        /// As many digits always make an integer of 32 bits.
        const SMALL: usize = 9;
        let begin = self.at;
        let is_negative = self.take(b"-");
        let digits = self.digits();
        let is_zero = self.text[self.at - digits..].starts_with(b"0");
        if digits == 0 || (is_zero && digits > 1) {
            return Err(Failure::Unusual);
        }
        let is_whole = !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if is_whole && digits <= SMALL && !(is_negative && is_zero) {
            let small = self.text[self.at - digits..self.at].iter();
            let number = small.fold(0, |number, digit| number * 10 + i32::from(digit - b'0'));
            return Ok(self.context.number(if is_negative { -number } else { number }));
        }
        if (self.take(b".") && self.digits() == 0) || !self.exponent() {
            return Err(Failure::Unusual);
        }
        let text = std::str::from_utf8(&self.text[begin..self.at]).map_err(|_| Failure::Unusual)?;
        Ok(self.context.number(text.parse::<f64>().map_err(|_| Failure::Unusual)?))
    }

    /// Whether there is none, or a whole one.
    fn exponent(&mut self) -> bool {
        if !self.take(b"eE") {
            return true;
        }
        self.take(b"+-");
        self.digits() > 0
    }

    /// Takes one of these, if it is there.
    fn take(&mut self, any: &[u8]) -> bool {
        let is_there = self.peek().is_some_and(|unit| any.contains(&unit));
        self.at += usize::from(is_there);
        is_there
    }

    fn digits(&mut self) -> usize {
        let count = self.text[self.at..].iter().take_while(|unit| unit.is_ascii_digit()).count();
        self.at += count;
        count
    }
}
