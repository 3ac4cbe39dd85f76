"""What `help` shows, and what editors and type checkers are told."""

import ast
import inspect
import pathlib
import pydoc

import pytest

import awaitgraph

FUNCTIONS = [
    name for name in awaitgraph.__all__ if inspect.isroutine(getattr(awaitgraph, name))
]


def stub():
    path = pathlib.Path(awaitgraph.__file__).with_suffix(".pyi")
    return ast.parse(path.read_text())


def stubs():
    """All definitions of the stub, methods as `Class.method`."""
    for node in ast.walk(stub()):
        if isinstance(node, ast.ClassDef):
            yield node.name, node
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner
    for node in stub().body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node


DEFINED = dict(stubs())


def runtime(name):
    value = awaitgraph
    for part in name.split("."):
        value = getattr(value, part)
    return value


def test_the_package_is_typed():
    assert pathlib.Path(awaitgraph.__file__).with_name("py.typed").exists()


def test_the_stub_has_every_name():
    assert set(awaitgraph.__all__) <= set(DEFINED)
    (names,) = [
        ast.literal_eval(node.value)
        for node in stub().body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    ]
    assert names == awaitgraph.__all__


@pytest.mark.parametrize("name", [name for name in DEFINED if not name.startswith("_")])
def test_the_stub_says_what_help_says(name):
    if name.startswith("_Writer"):
        return
    value = runtime(name)
    if getattr(value, "__module__", "").startswith("asyncio"):
        return
    assert ast.get_docstring(DEFINED[name]) == inspect.getdoc(value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_stub_has_the_signature(name):
    told = DEFINED[name].args
    real = inspect.signature(runtime(name)).parameters
    assert [argument.arg for argument in told.posonlyargs + told.args + told.kwonlyargs] == list(real)
    kinds = [parameter.kind for parameter in real.values()]
    assert kinds == (
        [inspect.Parameter.POSITIONAL_ONLY] * len(told.posonlyargs)
        + [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(told.args)
        + [inspect.Parameter.KEYWORD_ONLY] * len(told.kwonlyargs)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_says_what_is_returned_which_errors_and_where_it_is_from(name):
    text = inspect.getdoc(runtime(name))
    assert "eturn" in text
    assert "aises" in text
    assert "https://docs.python.org/3.14/" in text or "github.com/awaitgraph" in text or "reverse of" in text


def test_help_shows_all_of_it():
    text = pydoc.render_doc(awaitgraph, renderer=pydoc.plaintext)
    for name in awaitgraph.__all__:
        assert name in text
    assert "prints::" in text


def test_the_signatures_are_those_of_asyncio():
    signature = "(future=None, /, *, depth=1, limit=None)"
    assert str(inspect.signature(awaitgraph.capture_call_graph)) == signature
    assert str(inspect.signature(awaitgraph.format_call_graph)) == signature
    assert (
        str(inspect.signature(awaitgraph.print_call_graph))
        == "(future=None, /, *, file=None, depth=1, limit=None)"
    )
    assert str(inspect.signature(awaitgraph.future_add_to_awaited_by)) == "(future, waiter, /)"
