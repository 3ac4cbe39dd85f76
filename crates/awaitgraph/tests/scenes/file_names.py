"""Files with odd names: none, no file, spaces, wide letters, control characters, bytes that are no text."""
import asyncio

import truth

SOURCE = "async def %s():\n    truth.mark(%r)\n    await truth.forever()\n"
FILES = [
    "",
    "<string>",
    "with space and 'quotes'.py",
    "caf\xe9.py",
    "\u6f22\u5b57.py",
    "\U0001f600.py",
    "new\nline\tand \x1b[31mescape\x07.py",
    "undecodable \udc80\udcff.py",
    "back\\slash.py",
    "/" + "long/" * 2000 + "path.py",
]
functions = []
for number, file in enumerate(FILES):
    label = "f%d" % number
    names = {"truth": truth}
    exec(compile(SOURCE % (label, label), file, "exec"), names)
    functions.append(names[label])
    truth.awaits("main", label, "gather")

for number, name in enumerate(["\u540d", "caf\xe9", "\U00010400", "f" * 3000]):
    label = "n%d" % number
    names = {"truth": truth}
    exec(compile(SOURCE % (name, label), "names.py", "exec"), names)
    functions.append(names[name])
    truth.awaits("main", label, "gather")


async def main():
    truth.mark("main")
    await asyncio.gather(*[function() for function in functions])


truth.run(main)
