"""Examples in docstrings are true, and every argument is described."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re

import pytest

import kantor

MODULES = sorted(
    ["kantor", *(entry.name for entry in pkgutil.walk_packages(kantor.__path__, "kantor."))]
)
if importlib.util.find_spec("cvxpy") is None:
    MODULES.remove("kantor.cvxpy")


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    outcome = doctest.testmod(module)
    assert outcome.failed == 0
    assert module.__doc__


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [
        test.name for name in MODULES for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    for wanted in ("kantor._solve.solve", "kantor.ot._exact.emd", "kantor._problem.Problem"):
        assert wanted in found


def public():
    """Functions, classes and methods that a user or a reader of the package calls."""
    for name in MODULES:
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            if key.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            if inspect.isfunction(value):
                yield f"{name}.{key}", value
            elif inspect.isclass(value):
                yield f"{name}.{key}", value
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield f"{name}.{key}.{method}", function


PUBLIC = dict(public())


def described(text):
    """Names in the section Parameters."""
    section = re.search(r"\n\s*Parameters\n\s*-+\n(.*?)(\n\s*\w[\w ]*\n\s*-{3,}|$)", text, re.S)
    if section is None:
        return []
    indent = re.match(r"\s*", section.group(1)).group(0).strip("\n")
    lines = [line for line in section.group(1).splitlines()
             if line.startswith(indent) and not line.startswith(indent + " ")]
    return [part.strip().lstrip("*") for line in lines for part in line.split(" : ")[0].split(",")]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_argument_is_described(name):
    value = PUBLIC[name]
    text = inspect.getdoc(value)
    assert text, f"{name} has no docstring"
    if inspect.isclass(value) and (
        issubclass(value, (tuple, BaseException)) or hasattr(value, "_fields_")
        or name.endswith((".Result", "Handle"))
    ):
        return  # made by the library or by the caller's tuple
    names = [p for p in inspect.signature(value).parameters if p not in ("self", "cls")]
    assert sorted(described("\n" + text)) == sorted(names)
    if inspect.isfunction(value) and "-> No" not in inspect.getsource(value).split(":\n")[0]:
        assert "Returns\n" in text or "Yields\n" in text
