//! The supervisor's end of the filter: calls that wait for its answer.
//!
//! A cell that asks to connect a socket hands over an address; what it gets back is another socket, connected, in the
//! place of its own. The kernel is never told to go on with the cell's call, because what the call's pointers lead to
//! can change after it was read. The one exception has no pointers: a fork that the supervisor has ordered.

use std::ffi::CStr;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Where a base's questions come in.
#[derive(Debug)]
pub struct Listener {
    descriptor: OwnedFd,
}

/// One call that waits. It fails with ENOSYS when its listener is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    id: u64,
    /// The thread that waits, as the supervisor's process numbers see it.
    pub thread: u32,
    /// What it asks.
    pub wish: Wish,
}

/// What a cell asks of its supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `connect(2)` of this descriptor.
    Connect {
        /// The cell's number for it.
        descriptor: i32,
        /// Where the address is in the cell's memory.
        address: u64,
        /// How long it is, in bytes.
        length: u64,
    },
    /// A fork.
    Fork,
    /// One more thread.
    Thread,
    /// Another call, which the rules do not let through to here.
    Unknown,
}

impl From<OwnedFd> for Listener {
    fn from(descriptor: OwnedFd) -> Self {
        Self { descriptor }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }
}

impl Listener {
    /// The next question; waits for it unless poll(2) has announced it. [`io::ErrorKind::NotFound`]: whoever asked has
    /// gone meanwhile.
    pub fn receive(&self) -> io::Result<Question> {
        // SAFETY: plain data, which the kernel wants zeroed.
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        self.control(libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked)?;
        let [first, second, third, ..] = asked.data.args;
        let wish = match libc::c_long::from(asked.data.nr) {
            libc::SYS_connect => Wish::Connect { descriptor: first as i32, address: second, length: third },
            libc::SYS_clone if first & libc::CLONE_THREAD as u64 != 0 => Wish::Thread,
            libc::SYS_clone => Wish::Fork,
            _ => Wish::Unknown,
        };
        Ok(Question { id: asked.id, thread: asked.pid, wish })
    }

    /// The address that a question is about; an error that fits the call where it is none of the internet's.
    pub fn address(&self, question: &Question) -> io::Result<SocketAddr> {
        let Wish::Connect { address, length, .. } = question.wish else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut bytes = [0_u8; size_of::<libc::sockaddr_in6>()];
        let length = bytes.len().min(length as usize);
        read_memory(question.thread, address, &mut bytes[..length])?;
        // Only now is it certain that the memory was the asker's, and not of a process that got its number later.
        self.check(question)?;
        internet_address(&bytes[..length])
    }

    /// Whether the cell's descriptor waits (`O_NONBLOCK`: it does not), and whether it stays open over an exec.
    pub fn flags(&self, question: &Question) -> io::Result<DescriptorFlags> {
        let Wish::Connect { descriptor, .. } = question.wish else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let text = std::fs::read_to_string(format!("/proc/{}/fdinfo/{descriptor}", question.thread))?;
        self.check(question)?;
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
        let flags = flags.ok_or(io::ErrorKind::InvalidData)?;
        Ok(DescriptorFlags {
            nonblocking: flags & libc::O_NONBLOCK != 0,
            close_on_exec: flags & libc::O_CLOEXEC != 0,
        })
    }

    /// Puts a socket in the place of the one that the question is about.
    pub fn substitute(
        &self,
        question: &Question,
        socket: BorrowedFd<'_>,
        flags: DescriptorFlags,
    ) -> io::Result<()> {
        let Wish::Connect { descriptor, .. } = question.wish else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut given = libc::seccomp_notif_addfd {
            id: question.id,
            flags: libc::SECCOMP_ADDFD_FLAG_SETFD as u32,
            srcfd: socket.as_raw_fd().cast_unsigned(),
            newfd: descriptor.cast_unsigned(),
            newfd_flags: if flags.close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        self.control(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut given)
    }

    /// Lets the call end well.
    pub fn accept(&self, question: &Question) -> io::Result<()> {
        self.answer(question, 0, 0)
    }

    /// Lets the call fail with an error of the system's.
    pub fn refuse(&self, question: &Question, error: i32) -> io::Result<()> {
        self.answer(question, -error, 0)
    }

    /// Lets a fork or a thread be made: the asker's own call goes on, whose arguments are in registers, where nothing can
    /// change them meanwhile.
    pub fn permit(&self, question: &Question) -> io::Result<()> {
        match question.wish {
            Wish::Fork | Wish::Thread => {
                self.answer(question, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32)
            }
            Wish::Connect { .. } | Wish::Unknown => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn answer(&self, question: &Question, error: i32, flags: u32) -> io::Result<()> {
        let mut answer = libc::seccomp_notif_resp { id: question.id, val: 0, error, flags };
        self.control(libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer)
    }

    /// Whether whoever asked still waits.
    fn check(&self, question: &Question) -> io::Result<()> {
        let mut id = question.id;
        self.control(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id)
    }

    fn control<T>(&self, request: libc::Ioctl, argument: *mut T) -> io::Result<()> {
        // SAFETY: each request is made with a pointer to the structure that it is defined for.
        match unsafe { libc::ioctl(self.descriptor.as_raw_fd(), request, argument) } {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// What is to be kept of a descriptor that another takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorFlags {
    /// Whether its calls return rather than wait.
    pub nonblocking: bool,
    /// Whether it closes when the process executes a program.
    pub close_on_exec: bool,
}

fn read_memory(thread: u32, address: u64, bytes: &mut [u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: the kernel writes at most the length of `bytes` into them, and checks the other side's range itself.
    let read =
        unsafe { libc::process_vm_readv(thread.cast_signed(), &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(read) {
        Ok(read) if read == bytes.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Reads a `sockaddr_in` or `sockaddr_in6`.
fn internet_address(bytes: &[u8]) -> io::Result<SocketAddr> {
    let family = bytes.get(..2).map_or(-1, |family| i32::from(u16::from_ne_bytes([family[0], family[1]])));
    let (size, wrong) = match family {
        libc::AF_INET => (size_of::<libc::sockaddr_in>(), libc::EINVAL),
        libc::AF_INET6 => (size_of::<libc::sockaddr_in6>(), libc::EINVAL),
        _ => (usize::MAX, libc::EAFNOSUPPORT),
    };
    if bytes.len() < size {
        return Err(io::Error::from_raw_os_error(wrong));
    }
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    if family == libc::AF_INET {
        let octets: [u8; 4] = bytes[4..8].try_into().expect("invariant: four bytes");
        return Ok((IpAddr::V4(Ipv4Addr::from(octets)), port).into());
    }
    let octets: [u8; 16] = bytes[8..24].try_into().expect("invariant: sixteen bytes");
    // Neither scope nor flow: both name things of the cell's own network, which is empty.
    Ok((IpAddr::V6(Ipv6Addr::from(octets)), port).into())
}

/// Whether this kernel can answer with another descriptor (Linux 5.9).
pub(crate) fn can_be_answered() -> bool {
    let mut sizes = MaybeUninit::<libc::seccomp_notif_sizes>::uninit();
    // SAFETY: the call fills the structure in, which is not read.
    let known = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0, sizes.as_mut_ptr()) == 0
    };
    known && has_addfd()
}

/// Asks the kernel for its version, since the request cannot be tried without a listener.
fn has_addfd() -> bool {
    // SAFETY: plain data, which the call fills in; the release is a string that ends.
    let release = unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut names);
        CStr::from_ptr(names.release.as_ptr()).to_string_lossy().into_owned()
    };
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    let mut number = || numbers.next().and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    (number(), number()) >= (5, 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_internet_are_read() {
        let mut four = vec![0; 16];
        four[..8].copy_from_slice(&[2, 0, 0x1f, 0x90, 127, 0, 0, 1]);
        assert_eq!(internet_address(&four).unwrap(), "127.0.0.1:8080".parse().unwrap());
        let mut six = vec![0; 28];
        six[..4].copy_from_slice(&[10, 0, 0, 80]);
        six[23] = 1;
        assert_eq!(internet_address(&six).unwrap(), "[::1]:80".parse().unwrap());
    }

    #[test]
    fn other_addresses_have_the_error_that_fits() {
        let error = |bytes: &[u8]| internet_address(bytes).unwrap_err().raw_os_error();
        assert_eq!(error(&[2, 0, 0, 80, 127, 0, 0]), Some(libc::EINVAL));
        assert_eq!(error(&[1, 0, b'/', b'x']), Some(libc::EAFNOSUPPORT));
        assert_eq!(error(&[]), Some(libc::EAFNOSUPPORT));
    }
}
