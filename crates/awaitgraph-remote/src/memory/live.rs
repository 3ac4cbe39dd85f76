//! The memory of a running process, by `process_vm_readv`.

use super::{Memory, Piece, Unreadable, Why};
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

    fn apart(&self) -> Option<Box<dyn Memory + Send>> {
        Some(Box::new(*self))
    }

    fn read_many(&self, pieces: &mut [Piece<'_>]) {
        let mut next = 0;
        while let Some(rest) = pieces.get_mut(next..).filter(|rest| !rest.is_empty()) {
            let wanted = rest.iter_mut().map(|piece| (piece.addr, &mut *piece.bytes));
            let mut read = sys::read_memory_pieces(self.pid, wanted).unwrap_or(0);
            let mut whole = 0;
            for piece in rest.iter_mut().take(sys::MOST_PIECES) {
                match read.checked_sub(piece.bytes.len()) {
                    Some(left) => read = left,
                    None => break,
                }
                piece.result = Ok(());
                whole += 1;
            }
            next += whole;
            // The kernel stops at the first that it cannot read: that one alone
            // tells why, and the next round goes on behind it.
            if whole < sys::MOST_PIECES
                && let Some(failed) = pieces.get_mut(next)
            {
                failed.result = self.read(failed.addr, failed.bytes);
                next += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_pieces_are_read_around_those_that_cannot_be() {
        let memory = Live::new(std::process::id());
        let here: Vec<u64> = (0..3000).collect();
        let addr = |index: usize| (&raw const here[index]) as u64;
        let mut buffers = vec![[0_u8; 8]; 3000];
        let mut pieces: Vec<Piece<'_>> = buffers
            .iter_mut()
            .enumerate()
            .map(|(index, bytes)| {
                let unmapped = index % 1000 == 7;
                Piece::new(if unmapped { 16 } else { addr(index) }, bytes)
            })
            .collect();
        memory.read_many(&mut pieces);
        let failed: Vec<usize> = pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.result.is_err())
            .map(|(index, _)| index)
            .collect();
        assert_eq!(failed, [7, 1007, 2007]);
        assert_eq!(u64::from_le_bytes(buffers[2999]), 2999);
    }
}
