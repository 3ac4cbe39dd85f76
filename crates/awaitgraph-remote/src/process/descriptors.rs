//! What is behind the file descriptors of a process.
//!
//! A socket knows its addresses; to ask it, it is made ours for a moment
//! (`pidfd_getfd`, Linux 5.6). While the process runs that is not for us to do:
//! a socket that it closes just then would live on in its `epoll` until we let
//! go. So a process that is not stopped is asked for by the tables of its
//! network in `/proc`, for which the kernel goes through all connections of the
//! machine.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketType, getpeername, getsockname, sockopt,
};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::status;
use crate::map::HashMap;

/// The most bytes that are read of one table of sockets.
const LARGEST: u64 = 16 * 1024 * 1024;
/// The tables of `/proc/PID/net`, and what their sockets are.
const TABLES: [(&str, &str); 4] = [
    ("tcp", "tcp"),
    ("tcp6", "tcp"),
    ("udp", "udp"),
    ("udp6", "udp"),
];

/// What is behind a file descriptor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// `tcp`, `udp`, `unix`, `pipe`.
    pub(crate) family: Option<String>,
    /// The local address.
    pub(crate) local: Option<String>,
    /// The peer's address.
    pub(crate) peer: Option<String>,
}

/// The descriptors of one process. The tables are read once, and only when
/// somebody asks.
pub(crate) struct Descriptors {
    pid: u32,
    /// By inode.
    sockets: OnceCell<HashMap<u64, Descriptor>>,
}

/// What a link in `/proc/PID/fd` leads to.
enum Target {
    Pipe,
    /// With its inode.
    Socket(u64),
}

impl Descriptors {
    /// Those of the process that [`living`](super::living) is the id of.
    pub(crate) fn of(living: u32) -> Self {
        Self {
            pid: living,
            sockets: OnceCell::new(),
        }
    }

    /// What is behind the descriptor `fd`.
    pub(crate) fn get(&self, fd: i32) -> Option<Descriptor> {
        match target(self.pid, fd)? {
            Target::Pipe => Some(pipe()),
            Target::Socket(inode) => {
                let sockets = self.sockets.get_or_init(|| sockets(self.pid));
                sockets.get(&inode).cloned()
            }
        }
    }
}

/// What is behind `fds` of a process that is stopped; of those that cannot be
/// asked, nothing.
pub(crate) fn of_stopped(living: u32, fds: &[i32]) -> HashMap<i32, Descriptor> {
    let mut found = HashMap::default();
    if fds.is_empty() {
        return found;
    }
    let pid = i32::try_from(living).ok().and_then(Pid::from_raw);
    let process = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    for &fd in fds {
        let asked = match target(living, fd) {
            Some(Target::Pipe) => Some(pipe()),
            Some(Target::Socket(_)) => process
                .as_ref()
                .and_then(|process| pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).ok())
                .map(|socket| asked(&socket)),
            None => Some(Descriptor::default()),
        };
        found.extend(asked.map(|descriptor| (fd, descriptor)));
    }
    found
}

fn target(living: u32, fd: i32) -> Option<Target> {
    let link = fs::read_link(format!("/proc/{living}/fd/{fd}")).ok()?;
    let link = link.to_str()?;
    if link.starts_with("pipe:") {
        return Some(Target::Pipe);
    }
    let inode = link.strip_prefix("socket:[")?.strip_suffix(']')?;
    Some(Target::Socket(inode.parse().ok()?))
}

fn pipe() -> Descriptor {
    Descriptor {
        family: Some("pipe".to_owned()),
        ..Descriptor::default()
    }
}

/// What a socket says of itself.
fn asked(socket: &OwnedFd) -> Descriptor {
    let socket = socket.as_fd();
    let family = match (sockopt::socket_domain(socket), sockopt::socket_type(socket)) {
        (Ok(AddressFamily::UNIX), _) => "unix",
        (Ok(AddressFamily::INET | AddressFamily::INET6), Ok(SocketType::STREAM)) => "tcp",
        (Ok(AddressFamily::INET | AddressFamily::INET6), Ok(SocketType::DGRAM)) => "udp",
        _ => return Descriptor::default(),
    };
    Descriptor {
        family: Some(family.to_owned()),
        local: getsockname(socket).ok().and_then(spelt),
        peer: getpeername(socket).ok().flatten().and_then(spelt),
    }
}

/// An address as people write it: `127.0.0.1:80`, `/run/socket`, `@abstract`.
fn spelt(address: SocketAddrAny) -> Option<String> {
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return Some(SocketAddr::new(address.ip(), address.port()).to_string());
    }
    let address = SocketAddrUnix::try_from(address).ok()?;
    let lossy = |bytes| OsStr::from_bytes(bytes).to_string_lossy().into_owned();
    match address.path_bytes() {
        Some(path) => Some(lossy(path)),
        None => {
            // Those of a pair, and of who connects, have no name at all.
            let name = Some(address.abstract_name()?).filter(|it| !it.is_empty());
            name.map(|name| format!("@{}", lossy(name)))
        }
    }
}

/// All sockets of the process's network, by inode.
fn sockets(pid: u32) -> HashMap<u64, Descriptor> {
    let mut found = HashMap::default();
    for (table, family) in TABLES {
        for line in lines(pid, table).lines().skip(1) {
            found.extend(internet(line, family));
        }
    }
    for line in lines(pid, "unix").lines().skip(1) {
        found.extend(local(line));
    }
    found
}

fn lines(pid: u32, table: &str) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(format!("/proc/{pid}/net/{table}")) {
        // What was read before an error is as good as all.
        let _ = file.take(LARGEST).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line of `tcp` or `udp`: number, local and remote address, …, inode.
fn internet(line: &str, family: &str) -> Option<(u64, Descriptor)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let address = |place: usize| address(fields.get(place)?);
    let inode = fields.get(9)?.parse().ok()?;
    let descriptor = Descriptor {
        family: Some(family.to_owned()),
        local: address(1).map(|it| it.to_string()),
        peer: address(2)
            .filter(|it| it.port() != 0)
            .map(|it| it.to_string()),
    };
    Some((inode, descriptor))
}

/// A line of `unix`: …, inode, and the path where it has one.
fn local(line: &str) -> Option<(u64, Descriptor)> {
    let mut fields = line.split_whitespace();
    let inode = fields.nth(6)?.parse().ok()?;
    let descriptor = Descriptor {
        family: Some("unix".to_owned()),
        local: fields.next().map(str::to_owned),
        peer: None,
    };
    Some((inode, descriptor))
}

/// `0100007F:1F90`: words of four bytes as the machine has them, and a port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |place: usize| {
        let digits = ip.get(8 * place..8 * place + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let [a, b, c, d] = [word(0)?, word(1)?, word(2)?, word(3)?];
            let mut bytes = [0; 16];
            for (place, byte) in bytes.iter_mut().zip([a, b, c, d].concat()) {
                *place = byte;
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether the process that the process `pid` knows as `child` still lives;
/// `None` where we are not shown the processes that it sees.
pub(crate) fn is_alive_in(pid: u32, child: u32) -> Option<bool> {
    let root = format!("/proc/{}/root", status::living(pid));
    let processes = Path::new(&root).join("proc");
    match fs::read_to_string(processes.join(child.to_string()).join("stat")) {
        // Its name, in brackets, may hold anything; the state follows.
        Ok(stat) => {
            let (_, rest) = stat.rsplit_once(')')?;
            Some(!rest.trim_start().starts_with(['Z', 'X']))
        }
        Err(_) => fs::exists(processes.join("version")).ok()?.then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn sockets_have_their_addresses() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(host) else {
                continue;
            };
            let address = listener.local_addr().unwrap();
            let stream = TcpStream::connect(address).unwrap();
            let own = Descriptors::of(std::process::id());
            let fds = [stream.as_raw_fd(), listener.as_raw_fd()];
            let asked = of_stopped(std::process::id(), &fds);
            assert_eq!(asked.len(), 2);
            assert!(fds.iter().all(|fd| asked.get(fd) == own.get(*fd).as_ref()));
            let found = own.get(stream.as_raw_fd()).unwrap();
            assert_eq!(found.family.as_deref(), Some("tcp"));
            assert_eq!(found.local, Some(stream.local_addr().unwrap().to_string()));
            assert_eq!(found.peer, Some(address.to_string()));
            let found = own.get(listener.as_raw_fd()).unwrap();
            assert_eq!((found.local, found.peer), (Some(address.to_string()), None));
        }
    }

    #[test]
    fn sockets_without_a_name_have_no_address() {
        let (one, _other) = UnixStream::pair().unwrap();
        let asked = of_stopped(std::process::id(), &[one.as_raw_fd()]);
        let found = asked.get(&one.as_raw_fd()).unwrap();
        assert_eq!(found.family.as_deref(), Some("unix"));
        assert_eq!((&found.local, &found.peer), (&None, &None));
    }

    #[test]
    fn a_process_lives_until_it_has_ended() {
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let own = std::process::id();
        assert_eq!(is_alive_in(own, child.id()), Some(true));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(is_alive_in(own, child.id()), Some(false));
    }
}
