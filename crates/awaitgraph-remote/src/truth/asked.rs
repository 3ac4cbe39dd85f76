//! What no debugging information keeps: an interpreter shows it.
//!
//! Where in front of an object its attributes are, of what unit `f_lasti` is,
//! and which value of a stack is the awaited one is known to macros and to the
//! compiler of Python code. A running interpreter made such objects and told
//! what is in them; the reader must find the same. Numbers of instructions and
//! flags it knows by name.

use crate::at_hand::Python;
use crate::coroutine::{End, Stacks};
use crate::layout::AwaitSign;
use crate::limits::Limits;
use crate::memory::Live;
use crate::object::{Fault, Objects};
use crate::process::{Ids, find_runtime, thread_in};
use crate::version;

const OBJECTS: &str = include_str!("asked.py");

#[test]
fn objects_hold_what_the_interpreter_says() {
    let pythons = Python::all();
    for python in &pythons {
        let target = python.start(OBJECTS);
        let pid = target.pid();
        let memory = Live::new(pid);
        let runtime = find_runtime(&Ids::of(pid)).expect("a runtime");
        let identity = version::identify(pid, &memory, &runtime).expect("a version");
        assert_eq!(identity.version, python.version.trim_end_matches('t'));
        assert_eq!(identity.free_threaded, python.free_threaded);
        let objects = Objects::new(&memory, &identity.layout, Limits::SNAPSHOT);
        for line in &target.said {
            let (name, numbers) = line.split_once(' ').expect("a name and numbers");
            let numbers: Vec<i64> = numbers
                .split(' ')
                .map(|it| it.parse().expect("a number"))
                .collect();
            let (&addr, expected) = numbers.split_first().expect("an address");
            let found = if name == "thread" {
                Ok(thread_in(&memory, &Ids::of(pid), addr.cast_unsigned())
                    .map(i64::from)
                    .into_iter()
                    .collect())
            } else {
                find(&objects, name, addr.cast_unsigned())
            };
            assert_eq!(found, Ok(expected.to_vec()), "{}: {line}", python.version);
        }
    }
}

/// What the reader finds in the object at `addr`.
fn find(objects: &Objects<'_>, what: &str, addr: u64) -> Result<Vec<i64>, Fault> {
    let layout = objects.layout;
    let words = |words: Vec<u64>| words.into_iter().map(u64::cast_signed).collect();
    let pointers = |offsets: &[u64]| -> Result<Vec<i64>, Fault> {
        offsets
            .iter()
            .map(|&offset| objects.i64(addr, offset))
            .collect()
    };
    Ok(match what {
        "attribute" => words(vec![objects.attribute(addr, "wanted")?.unwrap_or(0)]),
        "hash" => {
            let hash = objects.str_hash(&objects.text(addr)?);
            let hash = hash.expect("a way to hash").cast_signed();
            vec![objects.i64(addr, layout.text.hash)?, hash]
        }
        "item" => words(vec![objects.dict_get(addr, "wanted")?.unwrap_or(0)]),
        "chain" => {
            let mut frames = Vec::new();
            let chain = objects.chain(addr, &Stacks::default(), &mut frames);
            assert_eq!(chain, (End::Resting, None));
            // Of a frame that has not begun it tells no more than that.
            frames
                .iter()
                .map(|frame| frame.offset.max(-1).into())
                .collect()
        }
        "awaits" => match objects.chain(addr, &Stacks::default(), &mut Vec::new()) {
            (End::Awaiting(awaited), _) => words(vec![awaited]),
            _ => Vec::new(),
        },
        "pending" => vec![objects.is_pending(addr)?.into()],
        "tuple" => words(objects.tuple(addr)?),
        "list" => words(objects.list(addr)?),
        "set" => {
            let mut members = objects.set(addr)?;
            members.sort_unstable();
            words(members)
        }
        "deque" => words(objects.deque(addr)?),
        "partial" => {
            let partial = layout.partial;
            pointers(&[partial.function, partial.args, partial.keywords])?
        }
        "bytes" => vec![objects.byte_string(addr, 100)?.len() as i64],
        "cell" => pointers(&[layout.cell_content])?,
        "builtin" => pointers(&[layout.builtin_self])?,
        "method" => pointers(&[layout.method.function, layout.method.self_])?,
        "int" => vec![objects.int(addr)?],
        "references" => vec![objects.references(addr)?.cast_signed()],
        other => {
            let kind = other.strip_prefix("kind:").expect("something to look for");
            vec![(format!("{:?}", objects.kind_of(addr)?) == kind).into()]
        }
    })
}

/// Prints names and numbers: of an instruction, or the arguments of all the
/// `RESUME`s of a function. A generator's and a coroutine's first is 0.
const INSTRUCTIONS: &str = "
import dis, opcode
def yields(): yield
def delegates(): yield from ()
async def awaits(): await ()
print('YIELD_FROM', opcode.opmap.get('YIELD_FROM', 0))
for function in yields, delegates, awaits:
    resumes = [step.arg for step in dis.get_instructions(function) if step.opname == 'RESUME']
    print(function.__name__, *resumes)
";

#[test]
fn instructions_have_the_interpreters_numbers() {
    let pythons = Python::all();
    for python in &pythons {
        let layout = python.table();
        let said = python.ask(INSTRUCTIONS);
        let said: Vec<&str> = said.lines().collect();
        match layout.awaited.sign {
            AwaitSign::NextIsYieldFrom { opcode } => {
                assert_eq!(
                    said[0],
                    format!("YIELD_FROM {opcode}"),
                    "{}",
                    python.version
                );
            }
            // As `coroutine` reads them.
            AwaitSign::ResumeArgument => {
                let resumes = ["YIELD_FROM 0", "yields 0 1", "delegates 0 2", "awaits 0 3"];
                assert_eq!(said, resumes, "{}", python.version);
            }
            AwaitSign::State => assert_eq!(said[0], "YIELD_FROM 0", "{}", python.version),
        }
    }
}

/// Prints the number of the instruction behind what is loaded for an `async
/// with`; of an attribute and of a global how many bits its operand has in front
/// of the number of its name, and how many caches are behind it.
const OPERANDS: &str = "
import dis
async def uses(a):
    async with a:
        a.first.second.method()
        other.method()
steps = list(dis.get_instructions(uses))
names = uses.__code__.co_names
print(next(two.opcode for one, two in zip(steps, steps[1:]) if one.argval == 'a'))
for name in 'second', 'other':
    place = next(place for place, step in enumerate(steps) if step.argval == name)
    step, next_one = steps[place : place + 2]
    flags = next(flags for flags in range(8) if step.arg >> flags == names.index(name))
    print(flags, (next_one.offset - step.offset) // 2 - 1)
";

#[test]
fn operands_name_what_is_loaded() {
    let pythons = Python::all();
    for python in &pythons {
        let operands = python.table().code.operands;
        let [attribute, global] = [operands.attribute, operands.global]
            .map(|operand| format!("{} {}", operand.flags, operand.caches));
        let expected = [operands.async_with.to_string(), attribute, global];
        let said = python.ask(OPERANDS);
        let said: Vec<&str> = said.lines().collect();
        assert_eq!(said, expected, "{}", python.version);
    }
}
