//! HTMLRewriter, over `lol_html`, which calls back for each token and cannot wait for what an asynchronous handler will
//! do with it. So it runs in a fiber that pauses at each token; JavaScript (`js/html-rewriter.js`) runs the handlers,
//! collects what they do, and resumes the fiber with it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use encoding_rs::Encoding;
use hognose_engine::{Context, Fiber, Pause, Result, Step, Thrown, Value};
use lol_html::html_content::{Comment, ContentType, Doctype, DocumentEnd, Element, EndTag, TextChunk};
use lol_html::{
    AsciiCompatibleEncoding, DocumentContentHandlers, ElementContentHandlers, HandlerResult, HtmlRewriter,
    MemorySettings, Selector, Settings,
};

use super::{Arguments, Natives};

/// The parser needs few frames, and no recursion of it follows the document's.
const STACK_BYTES: usize = 256 * 1024;
/// As workerd has it: what the parser may hold back of the document and of open elements.
const MEMORY_MAX_BYTES: usize = 3 * 1024 * 1024;
const BUFFER_BYTES: usize = 1024;

/// What the fiber is told.
enum Input {
    Data(Vec<u8>),
    End,
    /// What the handlers of a token did, in order.
    Changes(Vec<Change>),
    /// A handler failed, or nobody wants the document any more.
    Stop,
}

/// What the fiber says when it pauses.
enum Event {
    /// The data is used up.
    Hungry,
    /// A handler is to look at a token.
    Token(Token),
}

/// A token, and the number of the handler that is to see it.
struct Token {
    handler: u32,
    kind: &'static str,
    /// What its kind has: tag name, namespace and whether an end tag may follow; text and whether it is the last ...
    texts: Vec<Option<String>>,
    attributes: Vec<(String, String)>,
    flag: bool,
}

/// One call of a content method: its name, its text, and a second text or whether the first is HTML.
struct Change {
    method: String,
    text: String,
    value: String,
    html: bool,
    handler: u32,
}

impl Change {
    fn kind(&self) -> ContentType {
        if self.html { ContentType::Html } else { ContentType::Text }
    }
}

type Outcome = std::result::Result<(), String>;
type RewriterFiber = Fiber<Input, Event, Outcome>;

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("checkSelector", |context, arguments| match arguments.string(0)?.parse::<Selector>() {
        Ok(_) => Ok(context.undefined()),
        Err(error) => context.string(&error.to_string()),
    })?;
    natives.add("newRewriter", new_rewriter)
}

/// A function that drives one document: `("write", bytes)`, `("end")`, `("changes", [...])` and `("stop")` give the
/// next token, or nothing where there is none; `("output")` gives the bytes that are ready.
fn new_rewriter(context: Context, arguments: &Arguments) -> Result<Value> {
    let encoding = Encoding::for_label(arguments.string(0)?.as_bytes()).ok_or_else(|| {
        Thrown::type_error(context, "Parser error: Unknown character encoding has been provided.")
    })?;
    let encoding = AsciiCompatibleEncoding::new(encoding)
        .ok_or_else(|| Thrown::type_error(context, "Parser error: Expected ASCII-compatible encoding."))?;
    let handlers = arguments.value(1).elements()?;
    let handlers = handlers.iter().map(Registration::from_value).collect::<Result<Vec<_>>>()?;
    let output = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&output);
    let fiber =
        Fiber::new(STACK_BYTES, move |pause, first| rewrite(&pause, first, encoding, &handlers, &sink))
            .map_err(|error| {
                Thrown::range_error(context, &format!("No memory for an HTMLRewriter: {error}"))
            })?;
    let document = RefCell::new(Document(Some(fiber)));
    context.function("rewriter", 2, move |context, _, values| {
        let arguments = Arguments { context, values };
        let input = match arguments.string(0)?.as_str() {
            "output" => return context.uint8_array(output.take()),
            "write" => Input::Data(arguments.bytes(1)),
            "changes" => Input::Changes(changes_of(&arguments.value(1))?),
            "end" => Input::End,
            _ => Input::Stop,
        };
        match document.borrow_mut().go_on(input) {
            Ok(Some(token)) => token.to_value(context),
            Ok(None) => Ok(context.undefined()),
            Err(message) => Err(Thrown::type_error(context, &format!("Parser error: {message}"))),
        }
    })
}

/// A document under way; without a fiber once it is over.
struct Document(Option<RewriterFiber>);

impl Document {
    fn go_on(&mut self, input: Input) -> std::result::Result<Option<Token>, String> {
        let Some(fiber) = &mut self.0 else { return Ok(None) };
        let given_up = matches!(input, Input::Stop);
        match fiber.resume(input) {
            Step::Paused(Event::Token(token)) => Ok(Some(token)),
            Step::Paused(Event::Hungry) => Ok(None),
            Step::Ended(outcome) => {
                self.0 = None;
                // What the parser says of being stopped is nobody's error.
                if given_up { Ok(None) } else { outcome.map(|()| None) }
            }
        }
    }
}

impl Drop for Document {
    /// Lets a fiber that was left in the middle come to its end: each callback fails when it is told to stop.
    fn drop(&mut self) {
        while self.0.is_some() {
            // What it says at its end interests nobody any more.
            let _ = self.go_on(Input::Stop);
        }
    }
}

/// One handler: its number, what it is for, and the selector if it is for elements.
struct Registration {
    handler: u32,
    kind: String,
    selector: Option<String>,
}

impl Registration {
    fn from_value(value: &Value) -> Result<Self> {
        let selector = value.get("selector")?;
        Ok(Self {
            handler: value.get("handler")?.as_f64().unwrap_or_default() as u32,
            kind: value.get("kind")?.to_js_string()?,
            selector: if selector.is_undefined() { None } else { Some(selector.to_js_string()?) },
        })
    }
}

/// The fiber's body: feeds the parser until the document ends.
fn rewrite(
    pause: &Pause<Input, Event>,
    first: Input,
    encoding: AsciiCompatibleEncoding,
    handlers: &[Registration],
    output: &Rc<RefCell<Vec<u8>>>,
) -> Outcome {
    let memory = MemorySettings::new()
        .with_preallocated_parsing_buffer_size(BUFFER_BYTES)
        .with_max_allowed_memory_usage(MEMORY_MAX_BYTES);
    let mut settings = Settings::new().with_encoding(encoding).with_memory_settings(memory).with_strict(true);
    for registration in handlers {
        settings = register(settings, registration, pause)?;
    }
    let sink = Rc::clone(output);
    let mut rewriter =
        HtmlRewriter::new(settings, move |bytes: &[u8]| sink.borrow_mut().extend_from_slice(bytes));
    let mut input = first;
    loop {
        match input {
            Input::Data(data) => rewriter.write(&data).map_err(|error| error.to_string())?,
            Input::End => return rewriter.end().map_err(|error| error.to_string()),
            Input::Changes(_) => {}
            Input::Stop => return Ok(()),
        }
        input = pause.wait(Event::Hungry);
    }
}

type Handled<'h> = Settings<'h, 'static>;

fn register<'h>(
    settings: Handled<'h>,
    registration: &Registration,
    pause: &Pause<Input, Event>,
) -> std::result::Result<Handled<'h>, String> {
    let site = Site { pause: pause.clone(), handler: registration.handler };
    Ok(match &registration.selector {
        Some(selector) => {
            let selector = selector.parse::<Selector>().map_err(|error| error.to_string())?;
            let handlers = element_handlers(&registration.kind, site);
            settings.append_element_content_handler((Cow::Owned(selector), handlers))
        }
        None => settings.append_document_content_handler(document_handlers(&registration.kind, site)),
    })
}

fn element_handlers<'h>(kind: &str, site: Site) -> ElementContentHandlers<'h> {
    let handlers = ElementContentHandlers::default();
    match kind {
        "element" => handlers.element(move |element: &mut Element<'_, '_>| site.element(element)),
        "comments" => handlers.comments(move |comment: &mut Comment<'_>| site.comment(comment)),
        _ => handlers.text(move |text: &mut TextChunk<'_>| site.text(text)),
    }
}

fn document_handlers<'h>(kind: &str, site: Site) -> DocumentContentHandlers<'h> {
    let handlers = DocumentContentHandlers::default();
    match kind {
        "doctype" => handlers.doctype(move |doctype: &mut Doctype<'_>| site.doctype(doctype)),
        "comments" => handlers.comments(move |comment: &mut Comment<'_>| site.comment(comment)),
        "text" => handlers.text(move |text: &mut TextChunk<'_>| site.text(text)),
        _ => handlers.end(move |end: &mut DocumentEnd<'_>| site.end(end)),
    }
}

/// Where a handler is called from.
#[derive(Clone)]
struct Site {
    pause: Pause<Input, Event>,
    handler: u32,
}

impl Site {
    /// Shows a token and waits for what is to be done with it.
    fn show(
        &self,
        kind: &'static str,
        texts: Vec<Option<String>>,
        attributes: Vec<(String, String)>,
        flag: bool,
    ) -> std::result::Result<Vec<Change>, Stopped> {
        let token = Token { handler: self.handler, kind, texts, attributes, flag };
        match self.pause.wait(Event::Token(token)) {
            Input::Changes(changes) => Ok(changes),
            Input::Data(_) | Input::End | Input::Stop => Err(Stopped),
        }
    }

    fn element(&self, element: &mut Element<'_, '_>) -> HandlerResult {
        let attributes = element.attributes().iter();
        let attributes = attributes.map(|attribute| (attribute.name(), attribute.value())).collect();
        let end = element.can_have_content().then(String::new);
        let texts = vec![Some(element.tag_name()), Some(element.namespace_uri().to_owned()), end];
        let flag = element.removed();
        for change in self.show("element", texts, attributes, flag)? {
            self.change_element(element, &change)?;
        }
        Ok(())
    }

    fn change_element(&self, element: &mut Element<'_, '_>, change: &Change) -> HandlerResult {
        let (text, kind) = (change.text.as_str(), change.kind());
        match change.method.as_str() {
            "before" => element.before(text, kind),
            "after" => element.after(text, kind),
            "prepend" => element.prepend(text, kind),
            "append" => element.append(text, kind),
            "replace" => element.replace(text, kind),
            "setInnerContent" => element.set_inner_content(text, kind),
            "remove" => element.remove(),
            "removeAndKeepContent" => element.remove_and_keep_content(),
            "setAttribute" => element.set_attribute(text, &change.value)?,
            "removeAttribute" => element.remove_attribute(text),
            "tagName" => element.set_tag_name(text)?,
            "onEndTag" => {
                let site = Self { pause: self.pause.clone(), handler: change.handler };
                element.on_end_tag(Box::new(move |end: &mut EndTag<'_>| site.end_tag(end)))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn end_tag(&self, end: &mut EndTag<'_>) -> HandlerResult {
        let texts = vec![Some(end.name())];
        for change in self.show("endTag", texts, Vec::new(), end.removed())? {
            match change.method.as_str() {
                "before" => end.before(&change.text, change.kind()),
                "after" => end.after(&change.text, change.kind()),
                "replace" => end.replace(&change.text, change.kind()),
                "remove" => end.remove(),
                "name" => end.set_name_str(change.text),
                _ => {}
            }
        }
        Ok(())
    }

    fn text(&self, text: &mut TextChunk<'_>) -> HandlerResult {
        let shown = vec![Some(text.as_str().to_owned()), text.last_in_text_node().then(String::new)];
        for change in self.show("text", shown, Vec::new(), text.removed())? {
            match change.method.as_str() {
                "before" => text.before(&change.text, change.kind()),
                "after" => text.after(&change.text, change.kind()),
                "replace" => text.replace(&change.text, change.kind()),
                "remove" => text.remove(),
                _ => {}
            }
        }
        Ok(())
    }

    fn comment(&self, comment: &mut Comment<'_>) -> HandlerResult {
        for change in self.show("comment", vec![Some(comment.text())], Vec::new(), comment.removed())? {
            match change.method.as_str() {
                "before" => comment.before(&change.text, change.kind()),
                "after" => comment.after(&change.text, change.kind()),
                "replace" => comment.replace(&change.text, change.kind()),
                "remove" => comment.remove(),
                "text" => comment.set_text(&change.text)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn doctype(&self, doctype: &mut Doctype<'_>) -> HandlerResult {
        let texts = vec![doctype.name(), doctype.public_id(), doctype.system_id()];
        self.show("doctype", texts, Vec::new(), doctype.removed())?;
        Ok(())
    }

    fn end(&self, end: &mut DocumentEnd<'_>) -> HandlerResult {
        for change in self.show("end", Vec::new(), Vec::new(), false)? {
            end.append(&change.text, change.kind());
        }
        Ok(())
    }
}

/// What a callback answers when the document is given up.
#[derive(Debug, thiserror::Error)]
#[error("The document is given up.")]
struct Stopped;

impl Token {
    /// `[kind, handler, flag, texts, attributes]`, where the attributes are names and values by turns.
    fn to_value(&self, context: Context) -> Result<Value> {
        let texts = self.texts.iter().map(|text| match text {
            Some(text) => context.string(text),
            None => Ok(context.null()),
        });
        let texts = context.array(&texts.collect::<Result<Vec<_>>>()?)?;
        let attributes = self.attributes.iter().flat_map(|(name, value)| [name, value]);
        let attributes = attributes.map(|text| context.string(text)).collect::<Result<Vec<_>>>()?;
        context.array(&[
            context.string(self.kind)?,
            context.number(self.handler),
            context.boolean(self.flag),
            texts,
            context.array(&attributes)?,
        ])
    }
}

/// Reads `[method, text, value or whether it is HTML]` and so on.
fn changes_of(list: &Value) -> Result<Vec<Change>> {
    list.elements()?.iter().map(change_of).collect()
}

fn change_of(value: &Value) -> Result<Change> {
    let parts = value.elements()?;
    let part = |index: usize| parts.get(index).filter(|part| !part.is_undefined());
    let text = |index| part(index).map_or(Ok(String::new()), Value::to_js_string);
    Ok(Change {
        method: text(0)?,
        text: text(1)?,
        value: text(2)?,
        html: part(2).is_some_and(Value::to_boolean),
        handler: part(1).and_then(Value::as_f64).unwrap_or_default() as u32,
    })
}
