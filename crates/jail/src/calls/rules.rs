//! Reading the rules: text of the form that `cell.rules` explains, checked down to the last name.

use super::names::{self, Call};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is made.
    Allow,
    /// It fails with this error.
    Refuse(u16),
    /// The supervisor is asked.
    Ask,
    /// It fails, and the process is told of it by SIGSYS.
    Report,
}

/// What must hold of one argument: its bits under `mask` are `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) argument: u8,
    pub(super) mask: u64,
    pub(super) value: u64,
}

/// One rule for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) call: u32,
    pub(super) conditions: Vec<Condition>,
    pub(super) verdict: Verdict,
}

/// A line that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(super) struct RuleError {
    line: usize,
    what: String,
}

/// Constants that rules may use instead of numbers.
macro_rules! constants {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), libc::$name as u64)),*] };
}

#[rustfmt::skip]
#[allow(clippy::unnecessary_cast, reason = "the C library's constants have many types")]
const CONSTANTS: &[(&str, u64)] = constants![
    AF_INET, AF_INET6, AF_UNIX, CLONE_THREAD, EACCES, EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP, EPERM, F_DUPFD, F_DUPFD_CLOEXEC,
    F_GETFD, F_GETFL, F_GETLK, F_GETPIPE_SZ, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_SETFD, F_SETFL, F_SETLK, F_SETLKW,
    FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, IP_OPTIONS, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPV6_2292PKTOPTIONS,
    IPV6_RTHDR, MSG_FASTOPEN, PR_CAPBSET_READ, PR_GET_DUMPABLE, PR_GET_NAME,
    PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_SET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, PR_SET_VMA, SIGKILL,
    SO_ATTACH_BPF, SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF, SOCK_SEQPACKET, SOCK_STREAM,
    SOL_SOCKET, TCGETS, TCP_ULP, TIOCGWINSZ,
];

/// Reads rules; `pid` is what `PID` in them stands for.
pub(super) fn read(text: &str, pid: u32) -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let read = read_line(line, pid).map_err(|what| RuleError { line: index + 1, what })?;
        rules.extend(read);
    }
    Ok(rules)
}

fn read_line(line: &str, pid: u32) -> Result<Vec<Rule>, String> {
    let mut words = line.split_whitespace();
    let verdict = match words.next() {
        Some("allow") => Verdict::Allow,
        Some("ask") => Verdict::Ask,
        Some("refuse") => Verdict::Refuse(value(words.next().unwrap_or_default(), pid)? as u16),
        other => return Err(format!("`{}` is no verb", other.unwrap_or_default())),
    };
    let (conditions, calls): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
    let conditions =
        conditions.into_iter().map(|text| condition(text, pid)).collect::<Result<Vec<_>, _>>()?;
    match (calls.len(), conditions.len()) {
        (0, _) => return Err("it names no call".into()),
        (2.., 1..) => return Err("conditions are for one call".into()),
        _ => {}
    }
    let mut rules = Vec::new();
    for name in calls {
        let call = names::by_name(name).ok_or_else(|| format!("there is no call `{name}`"))?;
        if let Call::Number(call) = call {
            rules.push(Rule { call, conditions: conditions.clone(), verdict });
        }
    }
    Ok(rules)
}

fn condition(text: &str, pid: u32) -> Result<Condition, String> {
    let lower_half = u64::from(u32::MAX);
    let (left, right, mask) = if let Some((left, right)) = text.split_once("==") {
        (left, right, u64::MAX)
    } else {
        let (left, right) = text.split_once('=').ok_or_else(|| format!("`{text}` is no condition"))?;
        (left, right, lower_half)
    };
    let (argument, mask) = match left.split_once('&') {
        Some((argument, bits)) => (argument, mask & value(bits, pid)?),
        None => (left, mask),
    };
    let argument = argument.parse().ok().filter(|argument| *argument < 6);
    let argument = argument.ok_or_else(|| format!("`{text}` names no argument from 0 to 5"))?;
    Ok(Condition { argument, mask, value: value(right, pid)? & mask })
}

fn value(text: &str, pid: u32) -> Result<u64, String> {
    if text == "PID" {
        return Ok(u64::from(pid));
    }
    let number = match text.split_at_checked(2) {
        Some(("0x", digits)) => u64::from_str_radix(digits, 16).ok(),
        Some(("0o", digits)) => u64::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    };
    let constant = || CONSTANTS.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    number.or_else(constant).ok_or_else(|| format!("`{text}` is no number and no known constant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        read(text, 1).unwrap_err().to_string()
    }

    #[test]
    fn a_rule_has_a_verb_calls_and_conditions() {
        let rules =
            read("# why\n\nallow socket 0=AF_INET 1&0xf=SOCK_STREAM 4==0\nrefuse EPERM read write", 1)
                .unwrap();
        let conditions = vec![
            Condition { argument: 0, mask: 0xffff_ffff, value: 2 },
            Condition { argument: 1, mask: 0xf, value: 1 },
            Condition { argument: 4, mask: u64::MAX, value: 0 },
        ];
        assert_eq!((rules.len(), &rules[0].conditions), (3, &conditions));
        assert_eq!(rules[2].verdict, Verdict::Refuse(libc::EPERM as u16));
        assert_eq!(read("allow kill 0=PID", 77).unwrap()[0].conditions[0].value, 77);
    }

    #[test]
    fn what_is_no_rule_is_told_with_its_line() {
        assert_eq!(mistake("allow read\nallow reed"), "line 2: there is no call `reed`");
        assert_eq!(mistake("permit read"), "line 1: `permit` is no verb");
        assert_eq!(mistake("allow"), "line 1: it names no call");
        assert_eq!(mistake("allow read write 0=1"), "line 1: conditions are for one call");
        assert_eq!(mistake("allow read 6=1"), "line 1: `6=1` names no argument from 0 to 5");
        assert_eq!(mistake("refuse ENOTHING read"), "line 1: `ENOTHING` is no number and no known constant");
    }
}
