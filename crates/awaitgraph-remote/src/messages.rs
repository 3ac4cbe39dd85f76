//! Messages between threads of our own.

use std::hint;
use std::sync::mpsc::{Receiver, RecvError, TryRecvError};
use std::thread;
use std::time::Instant;

use crate::limits;

/// How often the processor is told that nothing happens, between two looks: that
/// leaves it to whoever shares it.
const PAUSES: usize = 32;

/// The next message. To be woken takes longer than most of what is waited for
/// here, so for the first moment one stays awake.
pub(crate) fn receive<T>(messages: &Receiver<T>) -> Result<T, RecvError> {
    let since = Instant::now();
    while since.elapsed() < limits::AWAKE {
        match messages.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Disconnected) => return Err(RecvError),
            Err(TryRecvError::Empty) => {
                for _ in 0..PAUSES {
                    hint::spin_loop();
                }
                thread::yield_now();
            }
        }
    }
    messages.recv()
}
