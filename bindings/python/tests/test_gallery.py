"""The gallery: every transport method once, each compared with an independent computation."""

from __future__ import annotations

import importlib.util
import pathlib
import re

import kantor

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "examples" / "python" / "gallery.py"


def load():
    spec = importlib.util.spec_from_file_location("gallery", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_method_is_right(capsys):
    gallery = load()
    assert gallery.main() == 0
    lines = capsys.readouterr().out.splitlines()
    expected = [name for kind in gallery.KINDS for name in kantor.methods(kind)]
    assert [line.split()[0] for line in lines] == expected
    for line in lines:
        if line.split()[0] in gallery.CHECKS:
            assert re.fullmatch(r"\w+ +solved +-?\d+\.\d{4}  [\w ,+]+: ok", line), line
    assert set(gallery.CHECKS) == set(expected)
    others = kantor.kinds().index("cone")
    assert list(gallery.KINDS) == kantor.kinds()[:others]


def test_what_is_wrong_is_seen(capsys):
    gallery = load()
    gallery.CHECKS["one_dimensional"] = lambda: (
        gallery.one_dimensional()[0], "a wrong value", 1.0, 2.0)
    assert gallery.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "off by 1.0e+00" in line] == ["one_dimensional"]


def test_methods_it_does_not_know_are_shown(capsys):
    gallery = load()
    del gallery.CHECKS["quadratic"]
    text, isright = gallery.line("transport", "quadratic")
    assert isright and text.startswith("quadratic") and "residual" in text
    text, isright = gallery.line("doubly_stochastic", "kronecker_product")
    assert isright
