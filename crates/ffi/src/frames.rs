//! JavaScript's frames in Python's tracebacks.

use std::ffi::{CString, c_char, c_int};

use crate::bridge::bridge;
use crate::js::{self, Js};
use crate::stack;

unsafe extern "C" {
    // Exported by CPython for extensions that show frames of other languages; PyO3 does not declare it.
    fn _PyTraceback_Add(function: *const c_char, file: *const c_char, line: c_int);
}

/// The JavaScript frames that an error came through since it left Python, or since it was made.
pub(crate) struct Frames(Vec<(CString, CString, c_int)>);

impl Frames {
    /// Reads them. That may run code of either language, so it must come before the error indicator is set.
    pub(crate) fn of(thrown: &Js) -> Frames {
        let Some(stack) = text_of(js::get(thrown.raw(), &bridge().keys.stack)) else {
            return Frames(Vec::new());
        };
        let lines: Vec<&str> = stack.lines().collect();
        let own = lines.len() - shared_with_below(&lines);
        Frames(lines[..own].iter().copied().filter_map(parse).collect())
    }

    /// Puts them on top of the traceback of the exception that is being raised.
    pub(crate) fn add_to_traceback(&self) {
        for (function, file, line) in &self.0 {
            // SAFETY: both texts end in a zero byte and are copied; the error indicator is set and stays so.
            unsafe { _PyTraceback_Add(function.as_ptr(), file.as_ptr(), *line) };
        }
    }
}

/// How many lines at the end of an error's stack are of frames that the error has not left yet: those below the Python code
/// it is raised in. They get into the traceback when it leaves them.
fn shared_with_below(lines: &[&str]) -> usize {
    if !stack::above_js() {
        return 0;
    }
    let current = js::call(bridge().prelude().current_stack.raw(), js::UNDEFINED, &[]);
    let Some(below) = text_of(current) else { return 0 };
    // The first line is that of the helper which asked.
    let below: Vec<&str> = below.lines().skip(1).collect();
    // A stack shows its innermost frames only, so both may be cut off; at least one frame is the error's own.
    let longest = below.len().min(lines.len().saturating_sub(1));
    (1..=longest).rev().find(|&count| lines[lines.len() - count..] == below[..count]).unwrap_or(0)
}

fn text_of(stack: js::JsResult) -> Option<String> {
    let Ok(stack) = stack else {
        js::discard_exception();
        return None;
    };
    js::is_string(stack.raw()).then(|| js::text(stack.raw()))
}

/// Reads a line such as `    at inner (file.js:3:7)`.
fn parse(line: &str) -> Option<(CString, CString, c_int)> {
    let frame = line.trim().strip_prefix("at ")?;
    let (function, place) = match frame.split_once(" (") {
        Some((function, place)) => (function, place.strip_suffix(')')?),
        None => ("<anonymous>", frame),
    };
    let mut parts = place.rsplitn(3, ':');
    let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some((CString::new(function).ok()?, CString::new(file).ok()?, line.parse().ok()?))
}
