//! The processes that are looked at.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// So many tasks that wait, and nothing else happens; or, where that is asked for,
/// nothing but that a thread wakes every millisecond.
pub(super) const WAITING: &str = "
import asyncio, sys, threading, time
def wakes():
    while True:
        time.sleep(0.001)
if sys.argv[2:] == ['awake']:
    threading.Thread(target=wakes, daemon=True).start()
async def leaf(event):
    await event.wait()
async def main(size):
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(leaf(event)) for _ in range(size - 1)]
    loop = asyncio.get_running_loop()
    # By then each has taken its first step.
    loop.call_soon(loop.call_soon, lambda: print('ready', flush=True))
    await asyncio.gather(*tasks)
asyncio.run(main(int(sys.argv[1])))
";

/// What the tasks of [`EACH_WAITS`] may wait for: all for the same thing, or each
/// for one of its own.
pub(super) const KINDS: [&str; 9] = [
    "an event",
    "a sleep",
    "a lock that is held",
    "a semaphore that is held",
    "a queue",
    "an event of its own",
    "a queue of its own",
    "the future of its connection",
    "a future in a dict of requests",
];

/// So many tasks that each wait for one of these.
pub(super) const EACH_WAITS: &str = "
import asyncio, sys
class Connection:
    async def answer(self):
        self.waiter = asyncio.get_running_loop().create_future()
        await self.waiter
class Client:
    def __init__(self):
        self.requests = {}
    async def ask(self):
        number = len(self.requests)
        self.requests[number] = answer = asyncio.get_running_loop().create_future()
        return await answer
async def waits(event):
    await event.wait()
async def sleeps():
    await asyncio.sleep(86400)
async def enters(lock):
    async with lock:
        pass
async def holds(lock):
    async with lock:
        await asyncio.Event().wait()
async def takes(queue):
    await queue.get()
async def asks(client):
    await client.ask()
async def reads():
    await Connection().answer()
async def main(size, kind):
    event, queue, client = asyncio.Event(), asyncio.Queue(), Client()
    lock, semaphore = asyncio.Lock(), asyncio.BoundedSemaphore(1)
    make = {
        'an event': lambda: waits(event),
        'a sleep': sleeps,
        'a lock that is held': lambda: enters(lock),
        'a semaphore that is held': lambda: enters(semaphore),
        'a queue': lambda: takes(queue),
        'an event of its own': lambda: waits(asyncio.Event()),
        'a queue of its own': lambda: takes(asyncio.Queue()),
        'the future of its connection': reads,
        'a future in a dict of requests': lambda: asks(client),
    }[kind]
    tasks = [asyncio.ensure_future(holds(one)) for one in (lock, semaphore)]
    await asyncio.sleep(0)
    tasks += [asyncio.ensure_future(make()) for _ in range(size - 3)]
    loop = asyncio.get_running_loop()
    # By then each has taken its first step.
    loop.call_soon(loop.call_soon, lambda: print('ready', flush=True))
    await asyncio.gather(*tasks)
asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
";

/// A hundred groups, and so many workers that live one to ten milliseconds.
pub(super) const CHURNING: &str = "
import asyncio, random, sys
async def worker():
    await asyncio.sleep(random.uniform(0.001, 0.01))
async def group(name, size):
    while True:
        await asyncio.gather(*[
            asyncio.get_running_loop().create_task(worker(), name=f'{name} worker {n}')
            for n in range(size)
        ])
async def main(size):
    tasks = [
        asyncio.get_running_loop().create_task(group(f'group {n}', size // 100), name=f'group {n}')
        for n in range(100)
    ]
    asyncio.get_running_loop().call_later(0.1, lambda: print('ready', flush=True))
    await asyncio.gather(*tasks)
asyncio.run(main(int(sys.argv[1])))
";

/// A process to look at; it ends when this is dropped.
pub(super) struct Service {
    child: Child,
}

impl Service {
    /// Starts one of those programs with so many tasks; it stands when this returns.
    pub(super) fn start(python: &Path, program: &str, size: usize) -> Result<Self> {
        Self::start_with(python, program, size, &[])
    }

    /// The same with more arguments.
    pub(super) fn start_with(
        python: &Path,
        program: &str,
        size: usize,
        more: &[&str],
    ) -> Result<Self> {
        let child = Command::new(python)
            .args(["-c", program, &size.to_string()])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut service = Self { child };
        let stdout = service.child.stdout.take();
        let stdout = stdout.context("the service has no output")?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        ensure!(ready.starts_with("ready"), "the service did not start");
        Ok(service)
    }

    pub(super) fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
