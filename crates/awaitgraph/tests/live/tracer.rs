//! A debugger that does nothing but hold on to a process.

use std::ptr;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

/// Traces a process until it is dropped.
pub(crate) struct Tracer {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Tracer {
    /// Attaches to every thread of `pid` without stopping any.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses.
    pub(crate) fn attach(pid: u32) -> Result<Self, String> {
        let (end, ended) = mpsc::channel();
        let (sender, attached) = mpsc::channel();
        // The kernel's tracer is a thread: its end lets the process go.
        let thread = thread::spawn(move || {
            let _ = sender.send(seize(pid));
            let _: Result<(), _> = ended.recv();
        });
        let tracer = Self {
            end: Some(end),
            thread: Some(thread),
        };
        attached.recv().map_err(|error| error.to_string())??;
        Ok(tracer)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn seize(pid: u32) -> Result<(), String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|e| e.to_string())?;
    for task in tasks.flatten() {
        let id: i32 = task.file_name().to_string_lossy().parse().unwrap_or(0);
        let none = ptr::null_mut::<libc::c_void>();
        // SAFETY: PTRACE_SEIZE reads no memory of ours; both pointers are null.
        let result = unsafe { libc::ptrace(libc::PTRACE_SEIZE, id, none, none) };
        if result != 0 {
            let error = std::io::Error::last_os_error();
            return Err(format!("cannot trace {id}: {error}"));
        }
    }
    Ok(())
}
