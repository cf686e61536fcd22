//! Every bound of the supervisor, by name. Those of the wire are in [`hognose_wire::limits`].

use std::time::Duration;

/// A request body of at most this many bytes, whose length is known, is awaited whole and travels inside the
/// invocation: an isolate is not held while a slow client sends it.
pub const BODY_INLINE_MAX: usize = 16 << 10;
/// The most header fields of a client's request: what hyper takes without allocating for more.
pub const HEADER_FIELDS_MAX: usize = 100;
/// The most bytes that may wait for an isolate that does not read its socket; above it the isolate takes no more work.
pub const OUTBOX_MAX: usize = 4 << 20;
/// An invocation that its isolate has not begun after this long shows that the isolate is computing.
pub const BUSY_AFTER: Duration = Duration::from_millis(2);
/// The same where the next thing to do is an event that no client waits for. It is better off in the isolate that most
/// likely caused it, whose module globals it then shares as under `wrangler dev`.
pub const EVENT_BUSY_AFTER: Duration = Duration::from_secs(1);
/// How long a connection may take to send a request's head; it bounds idle keep-alive connections too.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may send nothing of a body that is being read.
pub const BODY_PAUSE_MAX: Duration = Duration::from_mins(1);
/// How long to wait where no connection can be accepted, for want of descriptors or memory.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the operator is told of that while it lasts.
pub const EXHAUSTION_TOLD_EVERY: Duration = Duration::from_secs(1);
/// How long what a Worker passed to `waitUntil` may go on after the response, unless told otherwise (Cloudflare's).
pub const WAIT_UNTIL_MAX: Duration = Duration::from_secs(30);
/// How long an isolate beside the first may have nothing to do before it is ended, unless told otherwise.
pub const ISOLATE_IDLE_MAX: Duration = Duration::from_mins(1);
/// How long the last isolate of a Worker may have nothing to do before it is ended, unless told otherwise.
pub const WORKER_IDLE_MAX: Duration = Duration::from_mins(10);
/// An isolate that holds more than so many quarters of its memory is replaced before it goes past the limit.
pub const MEMORY_SWOLLEN_QUARTERS: u64 = 3;

/// How long a Durable Object may have nothing to do before its instance is ended (Cloudflare: 70 to 140 s).
pub const OBJECT_IDLE_MAX: Duration = Duration::from_secs(70);
/// How long a base or a Worker's top-level code may take to load.
pub const LOAD_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a template may take to fork.
pub const FORK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the kernel may take to end what was killed before a shutdown no longer waits for it.
pub const KILL_MAX: Duration = Duration::from_secs(5);
/// How long an old version may finish its requests after a reload.
pub const RELOAD_DRAIN_MAX: Duration = Duration::from_secs(30);
/// How many redirects one `fetch()` follows.
pub const REDIRECTS_MAX: usize = 20;
/// Deaths in a row, without an answer between them, after which new isolates are delayed.
pub const DEATHS_FREE: u32 = 3;
/// The first such delay; each further death doubles it.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest such delay.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// How long a Worker's TCP connection may take to be made, its TLS handshake included. As long as what keeps a Worker
/// alive after its response.
pub const CONNECT_MAX: Duration = Duration::from_secs(30);
/// How long the other end of a WebSocket may take to answer a close frame before its connection is closed.
pub const CLOSE_MAX: Duration = Duration::from_secs(10);

/// The CPU time of one invocation, unless its Worker's configuration has `limits.cpu_ms` (Cloudflare's).
pub const CPU_MAX: Duration = Duration::from_secs(30);
/// How long the handler of a queue's batch, a cron trigger or an alarm may take (Cloudflare's).
pub const EVENT_MAX: Duration = Duration::from_mins(15);
/// How long an isolate has to say that it has given up what took too long; then its process is killed.
pub const OVERDUE_GRACE: Duration = Duration::from_secs(2);
/// The time that a process has, by its CPU, to end with a traceback what went past a limit; then it is killed.
pub const CPU_GRACE: Duration = Duration::from_millis(100);
/// The memory of one isolate beside what it shares with its zygote, unless `hognose.toml` has `limits.memory_mb`. More
/// than Cloudflare's 128 MiB, which native packages are not made for.
pub const MEMORY_MAX: u64 = 512 << 20;
/// How much address space an isolate may map beside that: libraries and stacks that are hardly used count in full, and
/// allocators of native packages reserve a GiB at once of which they touch little, as Arrow's does.
pub const ADDRESS_SPACE_SPARE: u64 = 4 << 30;
/// How often one invocation may call a binding or `fetch()`, unless its Worker's configuration has `limits.subrequests`
/// (Cloudflare's, of its paid plan).
pub const SUBREQUESTS_MAX: u64 = 10_000;
/// How much text one invocation may log, unless `hognose.toml` has `limits.log_bytes` (Cloudflare's).
pub const LOG_BYTES_MAX: u64 = 256 << 10;
/// How many threads one isolate may have, unless `hognose.toml` has `limits.threads`.
pub const THREADS_MAX: u64 = 128;
/// How often a process that works is looked at.
pub const WATCH_PERIOD: Duration = Duration::from_millis(25);
/// How often at least, while invocations are under way in it that all wait.
pub const WATCH_PERIOD_IDLE: Duration = Duration::from_millis(100);
