//! Holds an isolate to its Worker's limits on CPU time and memory. What counts is what the kernel says of its process,
//! looked at while it has something to do; what a cell says of itself counts for nothing here.
//!
//! CPU time is charged to the invocations under way in equal parts. Where one has used up its own, or the process has
//! touched more memory than it may, a signal raises an exception in the Worker's code, which so gets a traceback; if
//! that does not end the invocation, the process is killed. Either way the isolate takes no more work, for its state is
//! not to be trusted. The bound on address space keeps what happens between two looks within limits.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::isolate::Isolate;
use crate::limits::{
    ADDRESS_SPACE_SPARE, CPU_GRACE, CPU_MAX, LOG_BYTES_MAX, MEMORY_MAX, MEMORY_SWOLLEN_QUARTERS,
    SUBREQUESTS_MAX, WATCH_PERIOD, WATCH_PERIOD_IDLE,
};

/// What one Worker may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerLimits {
    /// The CPU time of one invocation.
    pub cpu_max: Duration,
    /// The memory of one isolate in bytes, beside what it shares with its zygote.
    pub memory_max: u64,
    /// How often one invocation may call a binding or `fetch()`.
    pub subrequests_max: u64,
    /// How much text one invocation may log, in bytes.
    pub log_bytes_max: u64,
    /// How long any event may take to be answered; without it only events that no client waits for have a limit
    /// ([`crate::limits::EVENT_MAX`]).
    pub wall_max: Option<Duration>,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            cpu_max: CPU_MAX,
            memory_max: MEMORY_MAX,
            subrequests_max: SUBREQUESTS_MAX,
            log_bytes_max: LOG_BYTES_MAX,
            wall_max: None,
        }
    }
}

/// Which limit an invocation went past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    Cpu,
    Memory,
    Wall,
}

/// In the platform's words.
impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "Worker exceeded CPU time limit.",
            Self::Memory => "Worker exceeded memory limit.",
            Self::Wall => "Worker exceeded wall time limit.",
        })
    }
}

/// Watches the isolate without end, at no cost while it has nothing to do. `condemned` is called once it is to take no
/// more work.
pub(crate) async fn watch(isolate: &Arc<Isolate>, limits: WorkerLimits, condemned: impl Fn()) {
    let Ok(mut meter) = Meter::new(isolate.process.pid(), limits) else { return };
    let begun = isolate.begun();
    loop {
        begun.notified().await;
        // What cannot be read belongs to a process that has ended, which others notice.
        let Ok(()) = meter.begin() else { return };
        while isolate.state().stays_watched() {
            tokio::time::sleep(meter.period).await;
            match meter.look(isolate) {
                Ok(Some(excess)) => {
                    isolate.process.warn(excess);
                    condemned();
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }
}

/// What a process has used, from one look to the next.
struct Meter {
    pid: u32,
    limits: WorkerLimits,
    /// The memory that it began with.
    memory_shared: u64,
    /// Its CPU time at the last look.
    cpu: Duration,
    /// Until the next look: longer and longer while it does nothing, though much be open in it.
    period: Duration,
    /// When what went past a limit is to have ended: what CPU time the process will have then, and the moment.
    end: Option<(Duration, Instant)>,
}

impl Meter {
    /// For a process that has just been forked. Bounds its address space.
    fn new(pid: u32, limits: WorkerLimits) -> io::Result<Self> {
        hognose_jail::bound_growth(pid, limits.memory_max.saturating_add(ADDRESS_SPACE_SPARE))?;
        let memory_shared = hognose_jail::anonymous_memory(pid)?;
        let (cpu, period) = (Duration::ZERO, WATCH_PERIOD);
        Ok(Self { pid, limits, memory_shared, cpu, period, end: None })
    }

    fn begin(&mut self) -> io::Result<()> {
        self.cpu = hognose_jail::cpu_time(self.pid)?;
        self.period = WATCH_PERIOD;
        Ok(())
    }

    /// Charges what was used since the last look; gives the limit that is exceeded since then.
    fn look(&mut self, isolate: &Isolate) -> io::Result<Option<Excess>> {
        let cpu = hognose_jail::cpu_time(self.pid)?;
        let used = cpu.saturating_sub(std::mem::replace(&mut self.cpu, cpu));
        if used.is_zero() && self.end.is_none() {
            // Without CPU time no memory is touched either.
            self.period = (self.period * 2).min(WATCH_PERIOD_IDLE);
            return Ok(None);
        }
        self.period = WATCH_PERIOD;
        let memory = hognose_jail::anonymous_memory(self.pid)?.saturating_sub(self.memory_shared);
        let too_much = memory > self.limits.memory_max;
        let mut state = isolate.state();
        state.swell(memory / MEMORY_SWOLLEN_QUARTERS > self.limits.memory_max / 4);
        let most = state.charge(used);
        if state.is_exceeding() {
            drop(state);
            if self.end.is_some_and(|(end, moment)| cpu > end || (too_much && Instant::now() > moment)) {
                isolate.process.kill();
            }
            return Ok(None);
        }
        let exceeded = match most {
            Some((invocation, cpu)) if cpu > self.limits.cpu_max => Some((invocation, Excess::Cpu)),
            Some((invocation, _)) if too_much => Some((invocation, Excess::Memory)),
            _ => None,
        };
        if let Some((invocation, excess)) = exceeded {
            state.exceed(invocation, excess);
            self.end = Some((cpu + CPU_GRACE, Instant::now() + CPU_GRACE));
        }
        Ok(exceeded.map(|(_, excess)| excess))
    }
}
