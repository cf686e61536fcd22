//! What the platform costs: loading it once, then each request, then work on 1 MiB. `cargo bench -p hognose-web` prints microseconds of CPU
//! time per step, the best of several rounds: CPU time, not wall time, so that a busy machine does not change the figures.

use std::rc::Rc;

use hognose_engine::{Context, Result, Runtime, RuntimeOptions, Value};
use hognose_web::{
    BodyId, Done, Host, HostError, IncomingBody, IncomingMessage, IncomingResponse, LogLevel,
    OutgoingMessage, OutgoingRequest, RequestHandle, RequestHead, SocketConnection, SocketRequest, TimerId,
    Web,
};

const ROUNDS: usize = 10;
const TURNS: u32 = 3000;
const WORK_TURNS: u32 = 3;

fn main() -> Result<()> {
    let runtime =
        Runtime::new(RuntimeOptions::default()).expect("invariant: the first runtime of this thread");
    let context = runtime.context();
    let started = cpu_time_us();
    let web = Web::install(context, Rc::new(Nothing))?;
    println!("{:<44} {:>9.2} us", "load the platform", cpu_time_us() - started);

    let steps = [
        ("hello: request and text response", "(request) => new Response('hello')"),
        ("with a header and JSON", "(request) => Response.json({ ua: request.headers.get('user-agent') })"),
        ("route by URL", "(request) => new Response(new URL(request.url).pathname)"),
        (
            "with eight headers set",
            "(request) => { const r = new Response('x'); for (let i = 0; i < 8; i++) r.headers.set('x-' + i, 'v'); return r }",
        ),
        (
            "stream of one chunk",
            "(request) => { const t = new TransformStream(), w = t.writable.getWriter(); w.write(new Uint8Array(8)); w.close(); return new Response(t.readable) }",
        ),
    ];
    for (name, handler) in steps {
        let handler = context.eval(handler, "handler.js")?;
        println!("{name:<44} {:>9.2} us", best(TURNS, || serve(context, &web, &handler))?);
    }
    for (name, script) in work() {
        let work = context.eval(script, "work.js")?;
        let step = || {
            work.call_function(&[])?;
            while context.execute_jobs(100)? > 0 {}
            Ok(())
        };
        println!("{name:<44} {:>9.2} us", best(WORK_TURNS, step)?);
    }
    Ok(())
}

/// Work on 1 MiB each: functions that scripts evaluate to.
fn work() -> [(&'static str, &'static str); 4] {
    [
        (
            "SHA-256 of 1 MiB",
            "globalThis.data = new Uint8Array(1 << 20); () => crypto.subtle.digest('SHA-256', data)",
        ),
        (
            "AES-GCM of 1 MiB",
            "crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt']).then((key) => { globalThis.key = key }); () => crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, data)",
        ),
        (
            "HTMLRewriter over 1 MiB, nothing to do",
            "globalThis.page = '<p class=\"c\"><a href=\"/x\">some text</a> and more of it</p>\\n'.repeat(18000); () => new HTMLRewriter().on('table', { element() {} }).transform(new Response(page)).text()",
        ),
        (
            "HTMLRewriter over 1 MiB, 18000 links changed",
            "() => new HTMLRewriter().on('a[href]', { element(e) { e.setAttribute('rel', 'x') } }).transform(new Response(page)).text()",
        ),
    ]
}

/// One request from its head to the parts of its answer, and all jobs it leaves.
fn serve(context: Context, web: &Web, handler: &Value) -> Result<()> {
    let headers = [("host", &b"localhost:8787"[..]), ("user-agent", b"bench/1"), ("accept", b"*/*")];
    let request = web.incoming_request(RequestHead {
        method: "GET".to_owned(),
        url: "http://localhost:8787/path?q=1".to_owned(),
        headers: headers.into_iter().collect(),
        cf_json: None,
        body: IncomingBody::None,
    })?;
    let response = handler.call_function(&[request])?;
    web.response_parts(&response)?;
    while context.execute_jobs(100)? > 0 {}
    Ok(())
}

fn best(turns: u32, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = cpu_time_us();
        for _ in 0..turns {
            step()?;
        }
        best = best.min((cpu_time_us() - started) / f64::from(turns));
    }
    Ok(best)
}

/// What this process has spent so far, as Linux counts it for its only thread.
fn cpu_time_us() -> f64 {
    let statistics = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e3
}

/// A host that takes everything and answers nothing.
struct Nothing;

impl Host for Nothing {
    fn fetch(&self, _: Context, _: OutgoingRequest, _: Done<IncomingResponse>) -> RequestHandle {
        RequestHandle(1)
    }
    fn cancel_fetch(&self, _: RequestHandle) {}
    fn connect(&self, _: Context, _: SocketRequest, _: Done<SocketConnection>) {}
    fn start_tls(&self, _: Context, _: u32, _: &str, _: BodyId, _: Done<SocketConnection>) {}
    fn read_body(&self, _: Context, _: BodyId, _: Done<Option<Vec<u8>>>) {}
    fn cancel_body(&self, _: BodyId, _: &Value) {}
    fn open_body(&self, _: Option<u64>) -> BodyId {
        BodyId(1)
    }
    fn write_body(&self, context: Context, _: BodyId, _: Vec<u8>, done: Done<()>) {
        done(context, Ok(()));
    }
    fn close_body(&self, _: BodyId) {}
    fn abort_body(&self, _: Context, _: BodyId, _: &Value) {}
    fn watch_body(&self, _: Context, _: BodyId, _: Done<()>) {}

    fn open_socket(&self, context: Context, _: u32, done: Done<BodyId>) -> BodyId {
        done(context, Err(HostError::new("nothing is outside")));
        BodyId(0)
    }

    fn send_message(&self, _: BodyId, _: OutgoingMessage<'_>) -> bool {
        false
    }

    fn receive_messages(&self, context: Context, _: BodyId, done: Done<Option<Vec<IncomingMessage>>>) {
        done(context, Ok(None));
    }

    fn keep_alive(&self, _: &Value) {}

    fn set_timer(&self, _: Context, _: f64, _: bool, _: Value) -> Result<TimerId, HostError> {
        Ok(TimerId(1))
    }
    fn clear_timer(&self, _: TimerId) {}
    fn log(&self, _: LogLevel, _: &str, _: &str) {}
    fn is_tailed(&self) -> bool {
        false
    }
    fn random(&self, _: &mut [u8]) -> Result<(), HostError> {
        Ok(())
    }
    fn now_ms(&self) -> f64 {
        0.0
    }
    fn monotonic_ms(&self) -> f64 {
        0.0
    }
    fn report_error(&self, _: Context, error: &Value) {
        eprintln!("{error:?}");
    }
}
