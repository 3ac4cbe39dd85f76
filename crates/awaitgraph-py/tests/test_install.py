"""`install` and `uninstall`."""

import asyncio

import pytest

import awaitgraph

NAMES = {
    "FrameCallGraphEntry",
    "FutureCallGraph",
    "capture_call_graph",
    "format_call_graph",
    "future_add_to_awaited_by",
    "future_discard_from_awaited_by",
    "print_call_graph",
}


@pytest.fixture(autouse=True)
def leaves_asyncio_as_it_was():
    before = dict(vars(asyncio))
    yield
    awaitgraph.uninstall()
    assert vars(asyncio) == before


@pytest.mark.before(3, 14)
def test_puts_in_what_is_missing():
    assert not NAMES & set(vars(asyncio))
    awaitgraph.install()
    for name in NAMES:
        assert getattr(asyncio, name) is getattr(awaitgraph, name)
    assert NAMES < set(asyncio.__all__)


@pytest.mark.before(3, 14)
def test_code_for_3_14_runs(capsys):
    awaitgraph.install()
    names = {}
    exec("from asyncio import *\n", names)

    async def main():
        asyncio.print_call_graph()
        return asyncio.capture_call_graph()

    assert isinstance(asyncio.run(main()), names["FutureCallGraph"])
    assert "async test_code_for_3_14_runs.<locals>.main()" in capsys.readouterr().out


@pytest.mark.before(3, 14)
def test_leaves_what_is_there(monkeypatch):
    mine = object()
    monkeypatch.setattr(asyncio, "print_call_graph", mine, raising=False)
    awaitgraph.install()
    assert asyncio.print_call_graph is mine
    awaitgraph.uninstall()
    assert asyncio.print_call_graph is mine


@pytest.mark.before(3, 14)
def test_leaves_what_somebody_else_put_there_meanwhile():
    awaitgraph.install()
    mine = asyncio.print_call_graph = object()
    awaitgraph.uninstall()
    assert asyncio.print_call_graph is mine
    del asyncio.print_call_graph


@pytest.mark.since(3, 14)
def test_changes_nothing_where_nothing_is_missing():
    before = dict(vars(asyncio))
    awaitgraph.install()
    assert vars(asyncio) == before


def test_twice_is_once():
    awaitgraph.install()
    once = dict(vars(asyncio))
    awaitgraph.install()
    assert vars(asyncio) == once
    awaitgraph.uninstall()
    awaitgraph.uninstall()
    assert asyncio.__all__.count("Task") == 1


def test_uninstall_without_install():
    awaitgraph.uninstall()
