//! Telling which call was refused. The kernel sends SIGSYS for a call that no rule names; the handler says its name on
//! standard error, once per process, lets whoever had the signal before (Python's `faulthandler`) say the line, and has
//! the call fail with EPERM.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::names;

/// What `si_code` is where a filter sent the signal.
const SYS_SECCOMP: i32 = 1;

/// Calls told of, a bit each.
static TOLD: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

/// The handler there was before, a function of the signal's number; 0: none.
static BEFORE: AtomicUsize = AtomicUsize::new(0);

/// The kernel's `siginfo_t` as SIGSYS has it, which the C library's type does not spell out.
#[repr(C)]
struct Refused {
    signal: i32,
    error: i32,
    code: i32,
    padding: i32,
    address: usize,
    call: i32,
    architecture: u32,
}

/// Takes SIGSYS over.
pub(crate) fn listen() -> io::Result<()> {
    // SAFETY: both structures are plain data, for which zeroes are a value; the handler keeps to what a signal handler
    // may do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut before: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_refusal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_NODEFER;
        if libc::sigaction(libc::SIGSYS, &raw const action, &raw mut before) != 0 {
            return Err(io::Error::last_os_error());
        }
        let is_function = !matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
        let is_ours = before.sa_sigaction == action.sa_sigaction;
        if is_function && !is_ours && before.sa_flags & libc::SA_SIGINFO == 0 {
            BEFORE.store(before.sa_sigaction, Ordering::Relaxed);
        }
    }
    Ok(())
}

extern "C" fn on_refusal(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel calls this with a SIGSYS's information, and with the context that it goes on from.
    let (refused, context) = unsafe { (&*info.cast::<Refused>(), &mut *context.cast::<libc::ucontext_t>()) };
    if refused.code != SYS_SECCOMP {
        return;
    }
    // What the handlers do must not be seen by the code that made the call.
    // SAFETY: the C library's own place for this thread's error.
    let error = unsafe { *libc::__errno_location() };
    if is_first(refused.call) {
        tell(refused.call);
        tell_where(signal);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = error };
    set_result(context, -libc::EPERM);
}

fn is_first(call: i32) -> bool {
    let (index, bit) = ((call.unsigned_abs() / 64) as usize, 1 << (call.unsigned_abs() % 64));
    TOLD.get(index).is_some_and(|word| word.fetch_or(bit, Ordering::Relaxed) & bit == 0)
}

fn tell(call: i32) {
    let name = names::by_number(call).unwrap_or("that this version does not know");
    for part in ["The system call ", name, " is not allowed in a Worker (EPERM):\n"] {
        // SAFETY: standard error is open or not; the text is valid for its length.
        unsafe { libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len()) };
    }
}

fn tell_where(signal: i32) {
    let before = BEFORE.load(Ordering::Relaxed);
    if before != 0 {
        // SAFETY: it was installed as a handler of this signal, and takes its number only.
        let before = unsafe { std::mem::transmute::<usize, extern "C" fn(i32)>(before) };
        before(signal);
    }
}

/// What the call gives when the handler returns.
#[cfg(target_arch = "x86_64")]
fn set_result(context: &mut libc::ucontext_t, result: i32) {
    context.uc_mcontext.gregs[libc::REG_RAX as usize] = i64::from(result);
}

/// What the call gives when the handler returns.
#[cfg(target_arch = "aarch64")]
fn set_result(context: &mut libc::ucontext_t, result: i32) {
    context.uc_mcontext.regs[0] = i64::from(result).cast_unsigned();
}
