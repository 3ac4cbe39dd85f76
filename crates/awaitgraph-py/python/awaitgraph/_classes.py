"""``FutureCallGraph`` and ``FrameCallGraphEntry``.

From CPython 3.14 they are asyncio's own, so that a graph made here is equal to
one made there and passes wherever one is expected. Before, they are the same
classes written out.
"""

try:
    from asyncio import FrameCallGraphEntry, FutureCallGraph
except ImportError:
    import asyncio
    import dataclasses
    import types
    import typing

    class _Fields:
        """Lets ``copy`` and ``pickle`` set the fields of a frozen object."""

        __slots__ = ()

        def __getstate__(self):
            return [getattr(self, field.name) for field in dataclasses.fields(self)]

        def __setstate__(self, state):
            for field, value in zip(dataclasses.fields(self), state):
                object.__setattr__(self, field.name, value)

    # The slots are written by hand because `slots=True` came with 3.10.

    @dataclasses.dataclass(frozen=True)
    class FrameCallGraphEntry(_Fields):
        """One frame of a call stack."""

        __slots__ = ("frame",)

        frame: types.FrameType

    @dataclasses.dataclass(frozen=True)
    class FutureCallGraph(_Fields):
        """A future, the frames that it stands in, and what waits for it."""

        __slots__ = ("future", "call_stack", "awaited_by")

        future: asyncio.Future
        call_stack: typing.Tuple[FrameCallGraphEntry, ...]
        awaited_by: "typing.Tuple[FutureCallGraph, ...]"
