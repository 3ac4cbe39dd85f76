"""`FutureCallGraph` and `FrameCallGraphEntry`."""

import asyncio
import copy
import dataclasses
import gc
import sys

import pytest

from awaitgraph import FrameCallGraphEntry, FutureCallGraph, capture_call_graph
from scene import forever, settle, start


@pytest.fixture
def graph(run_c):
    async def main():
        task = start(forever(), "task")
        await settle()
        return capture_call_graph(task)

    return run_c(main)


def test_they_are_frozen(graph):
    for field in "future", "call_stack", "awaited_by":
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(graph, field, None)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(graph, field)
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.call_stack[0].frame = None


def test_they_have_slots(graph):
    for value in graph, graph.call_stack[0]:
        assert not hasattr(value, "__dict__")
        with pytest.raises((AttributeError, TypeError)):
            object.__setattr__(value, "more", None)


def test_they_are_compared_by_their_fields(graph):
    same = FutureCallGraph(graph.future, graph.call_stack, graph.awaited_by)
    assert same == graph
    assert same is not graph
    assert hash(same) == hash(graph)
    assert FutureCallGraph(graph.future, (), ()) != FutureCallGraph(asyncio, (), ())
    entry = graph.call_stack[0]
    assert entry == FrameCallGraphEntry(entry.frame)
    assert entry != FrameCallGraphEntry(None)


def test_a_captured_one_is_like_a_made_one(graph):
    made = FutureCallGraph(
        future=graph.future,
        call_stack=tuple(FrameCallGraphEntry(frame=entry.frame) for entry in graph.call_stack),
        awaited_by=(),
    )
    assert made == graph
    assert repr(made) == repr(graph)
    assert type(made) is type(graph)
    assert sys.getsizeof(made) == sys.getsizeof(graph)
    assert gc.is_tracked(made) == gc.is_tracked(graph)


def test_their_repr_is_that_of_dataclasses():
    graph = FutureCallGraph(1, (FrameCallGraphEntry(2),), ())
    assert repr(graph) == (
        "FutureCallGraph(future=1, call_stack=(FrameCallGraphEntry(frame=2),), awaited_by=())"
    )
    assert [field.name for field in dataclasses.fields(FutureCallGraph)] == [
        "future",
        "call_stack",
        "awaited_by",
    ]


def test_they_can_be_copied(graph):
    assert copy.copy(graph) == graph
    assert dataclasses.replace(graph, call_stack=()).future is graph.future


def test_the_garbage_collector_sees_into_them(graph):
    assert {id(object) for object in gc.get_referents(graph)} >= {
        id(graph.future),
        id(graph.call_stack),
        id(graph.awaited_by),
    }
