//! The memory of a running process, by `process_vm_readv`.

use super::{Memory, Unreadable, Why};
use crate::sys;

/// The memory of the process with this id. Nothing is ever written to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live {
    pid: u32,
}

impl Live {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }
}

impl Memory for Live {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let unreadable = |why| Unreadable { addr, why };
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let here = addr
                .checked_add(done as u64)
                .ok_or(unreadable(Why::Unmapped))?;
            // A short read ends where the mapping does; the next round tells.
            match sys::read_memory(self.pid, here, rest) {
                Ok(0) => return Err(unreadable(Why::Unmapped)),
                Ok(read) => done += read,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::ESRCH) => return Err(unreadable(Why::Gone)),
                    Some(libc::EPERM | libc::ENOSYS) => {
                        return Err(unreadable(Why::NotPermitted));
                    }
                    _ => return Err(unreadable(Why::Unmapped)),
                },
            }
        }
        Ok(())
    }
}
