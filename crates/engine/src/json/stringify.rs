//! `JSON.stringify` of plain data, which most of it is: written straight from memory.
//!
//! QuickJS asks for each property by its name, makes a string of each number and key, and looks at each character by
//! itself. Here whatever no script has a say in is written as it lies there: primitives, arrays without holes, and objects
//! with properties of their own only. At anything else, a getter, a `toJSON`, a `Date`, a cycle, what was written is thrown away and
//! QuickJS begins anew; until then nothing has run that could tell.

use std::io::Write;

use crate::layout::{self, Found, Units, class};
use crate::raw::{self, JSAtom, JSValue};
use crate::{Atom, Attributes, Context, Result, Value};

/// How deep plain data goes.
const MAX_DEPTH: usize = 200;
/// How long a text is that need not count against the limit of JavaScript's memory while it grows.
const MAX_BYTES: usize = 64 << 20;

pub(super) fn install(context: Context, json: &Value) -> Result<()> {
    let (general, to_json) = (json.get("stringify")?, context.atom("toJSON")?);
    let stringify = context.function("stringify", 3, move |context, this, arguments| {
        let is_plain_call = arguments.iter().skip(1).all(Value::is_nullish);
        let written = arguments.first().filter(|_| is_plain_call).and_then(|value| write(value, &to_json));
        match written {
            Some(text) => context.string(&text),
            None => general.call(this, arguments),
        }
    })?;
    json.define_with("stringify", &stringify, Attributes::METHOD)
}

/// The text of a value, if all of it is plain.
fn write(value: &Value, to_json: &Atom) -> Option<String> {
    let mut writer = Writer { text: Vec::new(), above: Vec::new(), context: value.context(), to_json };
    // SAFETY: the value is alive, and nothing runs that could change what it leads to.
    let outcome = unsafe { writer.value(value.as_raw()) };
    match outcome {
        Some(Outcome::Written) => {
            Some(String::from_utf8(writer.text).expect("invariant: only characters are written"))
        }
        _ => None,
    }
}

enum Outcome {
    Written,
    /// It has no form in JSON.
    Omitted,
}

struct Writer<'a> {
    text: Vec<u8>,
    /// The objects that are being written.
    above: Vec<usize>,
    context: Context,
    to_json: &'a Atom,
}

/// All methods give nothing where the data is not plain.
impl Writer<'_> {
    /// # Safety
    /// The value is alive.
    unsafe fn value(&mut self, value: JSValue) -> Option<Outcome> {
        // SAFETY: the caller's promise; the tag says what the value is.
        unsafe {
            match raw::JS_VALUE_GET_TAG(value) {
                raw::JS_TAG_OBJECT => return self.container(value),
                raw::JS_TAG_STRING => self.string(layout::units(value)),
                raw::JS_TAG_STRING_ROPE => self.rope(value),
                raw::JS_TAG_INT => self.integer(raw::JS_VALUE_GET_INT(value)),
                raw::JS_TAG_FLOAT64 => self.number(raw::JS_VALUE_GET_FLOAT64(value))?,
                raw::JS_TAG_BOOL if raw::JS_VALUE_GET_BOOL(value) => self.text.extend(b"true"),
                raw::JS_TAG_BOOL => self.text.extend(b"false"),
                raw::JS_TAG_NULL => self.text.extend(b"null"),
                raw::JS_TAG_UNDEFINED | raw::JS_TAG_SYMBOL => return Some(Outcome::Omitted),
                _ => return None,
            }
        }
        Some(Outcome::Written)
    }

    /// # Safety
    /// The value is a live object.
    unsafe fn container(&mut self, value: JSValue) -> Option<Outcome> {
        // SAFETY: the caller's promise.
        unsafe {
            let address = raw::JS_VALUE_GET_PTR(value).addr();
            let is_array = match layout::class_of(value) {
                class::ARRAY => true,
                class::OBJECT => false,
                _ => return None,
            };
            if self.above.len() == MAX_DEPTH || self.text.len() > MAX_BYTES || self.above.contains(&address) {
                return None;
            }
            if !matches!(layout::find(value, self.to_json.as_raw()), Found::Nothing) {
                return None;
            }
            self.above.push(address);
            let written = if is_array { self.array(value) } else { self.object(value) };
            written?;
            self.above.pop();
        }
        Some(Outcome::Written)
    }

    /// # Safety
    /// The value is a live array.
    unsafe fn array(&mut self, value: JSValue) -> Option<()> {
        // SAFETY: the caller's promise.
        let (elements, length) = unsafe { (layout::elements(value)?, layout::array_length(value)) };
        if elements.len() as i64 != length {
            return None;
        }
        self.text.push(b'[');
        for (index, &element) in elements.iter().enumerate() {
            if index > 0 {
                self.text.push(b',');
            }
            // SAFETY: the array owns its elements.
            if let Outcome::Omitted = unsafe { self.value(element) }? {
                self.text.extend(b"null");
            }
        }
        self.text.push(b']');
        Some(())
    }

    /// # Safety
    /// The value is a live object.
    unsafe fn object(&mut self, value: JSValue) -> Option<()> {
        self.text.push(b'{');
        let begin = self.text.len();
        // SAFETY: the caller's promise; the object owns its values and names.
        unsafe {
            for (name, is_enumerable, property) in layout::own_data(value)? {
                let before = self.text.len();
                if self.text.len() > begin {
                    self.text.push(b',');
                }
                let is_written =
                    self.name(name)? && is_enumerable && matches!(self.value(property)?, Outcome::Written);
                if !is_written {
                    self.text.truncate(before);
                }
            }
        }
        self.text.push(b'}');
        Some(())
    }

    /// Writes the name of a property, unless that is a symbol. Indices come in an order of their own.
    ///
    /// # Safety
    /// The atom is alive.
    unsafe fn name(&mut self, name: JSAtom) -> Option<bool> {
        // SAFETY: the caller's promise; the text of an atom lives as long.
        unsafe {
            let name = layout::name(self.context, name)?;
            if raw::JS_VALUE_GET_TAG(name) != raw::JS_TAG_STRING {
                return Some(false);
            }
            self.string(layout::units(name));
        }
        self.text.push(b':');
        Some(true)
    }

    fn string(&mut self, units: Units<'_>) {
        self.text.push(b'"');
        match units {
            Units::Narrow(units) => self.narrow(units),
            Units::Wide(units) => self.wide(units),
        }
        self.text.push(b'"');
    }

    /// # Safety
    /// The value is a live string.
    unsafe fn rope(&mut self, value: JSValue) {
        let mut units = Vec::new();
        // SAFETY: the caller's promise.
        unsafe {
            layout::pieces(value, &mut |piece| match piece {
                Units::Narrow(piece) => units.extend(piece.iter().copied().map(u16::from)),
                Units::Wide(piece) => units.extend_from_slice(piece),
            });
        }
        self.string(Units::Wide(&units));
    }

    fn narrow(&mut self, mut units: &[u8]) {
        while let Some(end) = units.iter().position(|&unit| !IS_ITSELF[usize::from(unit)]) {
            self.text.extend_from_slice(&units[..end]);
            self.character(char::from(units[end]));
            units = &units[end + 1..];
        }
        self.text.extend_from_slice(units);
    }

    fn wide(&mut self, units: &[u16]) {
        for unit in char::decode_utf16(units.iter().copied()) {
            match unit {
                Ok(character) => self.character(character),
                Err(alone) => self.escape(alone.unpaired_surrogate()),
            }
        }
    }

    fn character(&mut self, character: char) {
        let short = match character {
            '"' | '\\' => character as u8,
            '\u{8}' => b'b',
            '\u{C}' => b'f',
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            '\0'..' ' => return self.escape(character as u16),
            _ => return self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        };
        self.text.extend_from_slice(&[b'\\', short]);
    }

    fn escape(&mut self, unit: u16) {
        self.print(format_args!("\\u{unit:04x}"));
    }

    fn integer(&mut self, number: i32) {
        let (mut digits, mut start, mut rest) = ([0; 10], 10, number.unsigned_abs());
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.text.push(b'-');
        }
        self.text.extend_from_slice(&digits[start..]);
    }

    /// The digits are the fewest that tell the number, in both languages; only Rust never writes an exponent.
    fn number(&mut self, number: f64) -> Option<()> {
        const WITHOUT_EXPONENT: std::ops::Range<f64> = 1e-6..1e21;
        if !number.is_finite() {
            self.text.extend(b"null");
        } else if number == 0.0 {
            self.text.push(b'0');
        } else if WITHOUT_EXPONENT.contains(&number.abs()) {
            self.print(format_args!("{number}"));
        } else {
            return None;
        }
        Some(())
    }

    fn print(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("invariant: a vector takes everything");
    }
}

/// Which units of Latin-1 stand for themselves in JSON in UTF-8.
const IS_ITSELF: [bool; 256] = {
    let mut table = [false; 256];
    let mut unit = 0x20;
    while unit < 0x80 {
        table[unit] = unit != b'"' as usize && unit != b'\\' as usize;
        unit += 1;
    }
    table
};
