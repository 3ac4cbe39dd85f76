"""CPython's own tests of its call graph, with our functions in place of its own.

Ends with 0 if they pass, 1 if not, and 77 where the interpreter comes without
its tests. Needs no arguments.
"""

import asyncio
import asyncio.graph
import sys
import unittest

import awaitgraph

FUNCTIONS = ("capture_call_graph", "format_call_graph", "print_call_graph")


def main():
    try:
        from test.test_asyncio import test_graph
    except ImportError as error:
        print(f"this interpreter comes without its own tests: {error}")
        return 77
    for name in FUNCTIONS:
        for module in asyncio, asyncio.graph:
            setattr(module, name, getattr(awaitgraph, name))
    # The tests put one of two implementations in their place for each class of
    # tests. Ours choose by the futures that they are given.
    for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by"):
        for place in (name, "_c_" + name, "_py_" + name):
            setattr(asyncio.futures, place, getattr(awaitgraph, name))
        setattr(asyncio, name, getattr(awaitgraph, name))
    suite = unittest.defaultTestLoader.loadTestsFromModule(test_graph)
    if not suite.countTestCases():
        print("test_graph holds no tests")
        return 1
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
