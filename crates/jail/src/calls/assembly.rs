//! From rules to the kernel's filter program: classic BPF over the call's number, its architecture and its arguments.
//!
//! The program goes through the rules in their order. It is long, but seldom run: the kernel finds out once which calls
//! are always allowed, and lets these pass without it.

use super::rules::{Condition, Rule, Verdict};

/// The architecture that this program was compiled for. A process can make calls of others (32-bit ones on x86-64), with
/// numbers that mean something else.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Numbers from here on belong to the x32 variant of x86-64.
const X32: u32 = 0x4000_0000;

// Offsets in what the kernel shows of a call (`struct seccomp_data`); each argument takes eight bytes.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// The program that does what `rules` say, and `otherwise` with calls that none fits.
pub(super) fn assemble(rules: &[Rule], otherwise: Verdict) -> Vec<libc::sock_filter> {
    let mut program = vec![
        statement(LOAD, ARCHITECTURE_AT),
        jump(EQUAL, ARCHITECTURE, 1, 0),
        statement(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        statement(LOAD, NUMBER_AT),
        jump(AT_LEAST, X32, 0, 1),
        statement(RETURN, code(Verdict::Refuse(libc::EPERM as u16))),
    ];
    for rule in rules {
        let body = body(rule);
        // The number is loaded here: each rule leaves it so for the next.
        program.push(jump(EQUAL, rule.call, 0, body.len() as u8));
        program.extend(body);
    }
    program.push(statement(RETURN, code(otherwise)));
    program
}

/// What is done when the number fits: check, return; or load the number again and go on.
fn body(rule: &Rule) -> Vec<libc::sock_filter> {
    let verdict = statement(RETURN, code(rule.verdict));
    let checks: Vec<[libc::sock_filter; 3]> = rule.conditions.iter().flat_map(halves).collect();
    if checks.is_empty() {
        return vec![verdict];
    }
    let mut body = Vec::with_capacity(checks.len() * 3 + 2);
    for (index, [load, mask, equal]) in checks.iter().enumerate() {
        let to_the_end = (checks.len() - index - 1) * 3 + 1;
        body.extend([*load, *mask, libc::sock_filter { jf: to_the_end as u8, ..*equal }]);
    }
    body.extend([verdict, statement(LOAD, NUMBER_AT)]);
    body
}

/// A condition on each half of an argument that it says something of.
fn halves(condition: &Condition) -> impl Iterator<Item = [libc::sock_filter; 3]> {
    let Condition { argument, mask, value } = *condition;
    let at = ARGUMENTS_AT + u32::from(argument) * 8;
    // Both architectures are little-endian.
    let low = (at, mask as u32, value as u32);
    let high = (at + 4, (mask >> 32) as u32, (value >> 32) as u32);
    [low, high]
        .into_iter()
        .filter(|(_, mask, _)| *mask != 0)
        .map(|(at, mask, value)| [statement(LOAD, at), statement(AND, mask), jump(EQUAL, value, 0, 0)])
}

fn code(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        Verdict::Refuse(error) => libc::SECCOMP_RET_ERRNO | u32::from(error),
        Verdict::Ask => libc::SECCOMP_RET_USER_NOTIF,
        Verdict::Report => libc::SECCOMP_RET_TRAP,
    }
}

fn statement(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::super::rules::read;
    use super::*;

    /// What the program gives for a call, as the kernel would run it.
    fn run(program: &[libc::sock_filter], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let word = |at: u32| match at {
            NUMBER_AT => number,
            ARCHITECTURE_AT => architecture,
            at => (arguments[((at - ARGUMENTS_AT) / 8) as usize] >> ((at % 8) * 8)) as u32,
        };
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            match code {
                LOAD => accumulator = word(k),
                AND => accumulator &= k,
                EQUAL => at += usize::from(if accumulator == k { jt } else { jf }),
                AT_LEAST => at += usize::from(if accumulator >= k { jt } else { jf }),
                RETURN => return k,
                other => panic!("instruction {other}"),
            }
        }
    }

    fn verdict(text: &str, number: libc::c_long, arguments: [u64; 6]) -> u32 {
        let program = assemble(&read(text, 1).unwrap(), Verdict::Report);
        run(&program, ARCHITECTURE, number as u32, arguments)
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let text = "allow socket 0=AF_INET 1&0xf=SOCK_STREAM\nrefuse EACCES socket\nask connect";
        let socket = |domain, kind| verdict(text, libc::SYS_socket, [domain, kind, 0, 0, 0, 0]);
        assert_eq!(socket(2, 1 | libc::SOCK_CLOEXEC as u64), libc::SECCOMP_RET_ALLOW);
        assert_eq!(socket(2 | 1 << 40, 1), libc::SECCOMP_RET_ALLOW, "an int's upper half is nothing");
        assert_eq!(socket(2, 2), code(Verdict::Refuse(libc::EACCES as u16)));
        assert_eq!(socket(1, 1), code(Verdict::Refuse(libc::EACCES as u16)));
        assert_eq!(verdict(text, libc::SYS_connect, [0; 6]), libc::SECCOMP_RET_USER_NOTIF);
        assert_eq!(verdict(text, libc::SYS_ptrace, [0; 6]), libc::SECCOMP_RET_TRAP);
    }

    #[test]
    fn pointers_are_compared_whole() {
        let sendto = |address| verdict("allow sendto 4==0", libc::SYS_sendto, [0, 0, 0, 0, address, 0]);
        assert_eq!(sendto(0), libc::SECCOMP_RET_ALLOW);
        assert_eq!([sendto(1), sendto(1 << 32)], [libc::SECCOMP_RET_TRAP; 2]);
    }

    #[test]
    fn calls_of_other_architectures_are_not_mistaken_for_ours() {
        let program = assemble(&read("allow read", 1).unwrap(), Verdict::Allow);
        let of = |architecture, number| run(&program, architecture, number, [0; 6]);
        assert_eq!(of(0x4000_0003, 0), libc::SECCOMP_RET_KILL_PROCESS);
        assert_eq!(of(ARCHITECTURE, X32), code(Verdict::Refuse(libc::EPERM as u16)));
    }
}
