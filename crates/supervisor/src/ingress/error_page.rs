//! What a browser is shown in development where a Worker has no response: the error, and the traceback with the frames
//! that name a file set apart. Everything in it comes from the Worker, and is escaped.

use std::fmt::Write;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:light-dark(#1d2433,#e6e9f0);--dim:light-dark(#667085,#98a2b3);\
--ground:light-dark(#f7f8fa,#12151c);--card:light-dark(#fff,#1a1f2a);--line:light-dark(#e4e7ec,#2b3240);\
--accent:light-dark(#c4320a,#ff8a65)}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);margin:0;padding:4vw}\
main{max-width:64rem;margin:auto}p{color:var(--dim);margin:0}\
h1{font-size:1.4rem;line-height:1.35;margin:.3rem 0 1.5rem;overflow-wrap:anywhere;white-space:pre-wrap}\
h1 b{color:var(--accent)}\
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.2rem;overflow-x:auto;\
font:13px/1.6 ui-monospace,monospace;margin:0}pre i{font-style:normal;color:var(--dim)}pre b{color:var(--accent)}";

/// A page about an error. `asked` is the request's method and path.
pub(super) fn render(status: u16, asked: &str, message: &str, detail: &str) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><main><p>{status} · {asked}</p><h1>{heading}</h1>",
        title = escaped(message.lines().next().unwrap_or_default()),
        asked = escaped(asked),
        heading = heading(message),
    );
    if !detail.is_empty() {
        page.push_str("<pre>");
        detail.trim_end().lines().for_each(|line| frame_line(&mut page, line));
        page.push_str("</pre>");
    }
    page.push_str("</main></html>\n");
    page
}

/// The message, with the class before its colon set apart.
fn heading(message: &str) -> String {
    let class = message.split(':').next().unwrap_or_default();
    let is_class = class.len() < message.len()
        && class.chars().all(|letter| letter.is_alphanumeric() || "._".contains(letter));
    if is_class {
        format!("<b>{}</b>{}", escaped(class), escaped(&message[class.len()..]))
    } else {
        escaped(message)
    }
}

/// A line of Python's traceback or of JavaScript's stack. Where it is said is dimmer than what is said there.
fn frame_line(page: &mut String, line: &str) {
    let text = escaped(line);
    let start = line.trim_start();
    let tag = if start.starts_with("File \"") || start.starts_with("at ") || start.starts_with("Traceback") {
        "i"
    } else if !line.starts_with(' ') && !line.is_empty() {
        "b"
    } else {
        "span"
    };
    writeln!(page, "<{tag}>{text}</{tag}>").expect("invariant: a string takes all that is written to it");
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_workers_is_markup() {
        let page = render(500, "GET /<b>", "ValueError: <script>", "  File \"a<b>.py\"\nx<y");
        for harmful in ["<script>", "a<b>", "x<y", "/<b>"] {
            assert!(!page.contains(harmful), "{harmful}");
        }
        assert!(page.contains("<b>ValueError</b>: &lt;script&gt;"));
    }

    #[test]
    fn frames_are_told_from_code() {
        let page = render(
            500,
            "",
            "x",
            "Traceback (most recent call last):\n  File \"a.py\", line 1\n    1/0\nZeroDivisionError",
        );
        assert!(page.contains(
            "<i>  File &quot;a.py&quot;, line 1</i>\n<span>    1/0</span>\n<b>ZeroDivisionError</b>"
        ));
    }
}
