//! What is behind the file descriptors of a process, as `/proc` tells it.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::{Descriptor, status};
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

/// The descriptors of one process. The tables are read once, and only when
/// somebody asks.
pub(crate) struct Descriptors {
    pid: u32,
    /// By inode.
    sockets: OnceCell<HashMap<u64, Descriptor>>,
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
        let link = fs::read_link(format!("/proc/{}/fd/{fd}", self.pid)).ok()?;
        let link = link.to_str()?;
        if link.starts_with("pipe:") {
            return Some(Descriptor {
                family: Some("pipe".to_owned()),
                ..Descriptor::default()
            });
        }
        let inode = link.strip_prefix("socket:[")?.strip_suffix(']')?;
        let sockets = self.sockets.get_or_init(|| sockets(self.pid));
        sockets.get(&inode.parse().ok()?).cloned()
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
            let found = own.get(stream.as_raw_fd()).unwrap();
            assert_eq!(found.family.as_deref(), Some("tcp"));
            assert_eq!(found.local, Some(stream.local_addr().unwrap().to_string()));
            assert_eq!(found.peer, Some(address.to_string()));
            let found = own.get(listener.as_raw_fd()).unwrap();
            assert_eq!((found.local, found.peer), (Some(address.to_string()), None));
        }
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
