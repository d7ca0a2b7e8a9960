"""Finding the library: each case in a process of its own."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kantor
from kantor import _library

PACKAGE = Path(kantor.__file__).resolve().parent
LOADED = str(Path(_library.lib._name).resolve())


def run(code, source, **environment):
    keep = {name: value for name, value in os.environ.items() if name != "KANTOR_LIBRARY"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
        env={**keep, "PYTHONPATH": str(source), **environment},
    )


def copy_package(folder):
    ignored = shutil.ignore_patterns("*.so*", "__pycache__")
    shutil.copytree(PACKAGE, folder / "kantor", ignore=ignored)
    return folder


NAME = "from kantor import _library; print(_library.lib._name)"


@pytest.mark.smoke
def test_version():
    number = kantor._lib.kantor_version_number()
    assert kantor.__version__ == f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def test_explicit_library_wins(tmp_path):
    named = shutil.copy(LOADED, tmp_path / "elsewhere.so")
    done = run(NAME, PACKAGE.parent, KANTOR_LIBRARY=str(named))
    assert done.stdout.strip() == str(named), done.stderr


@pytest.mark.parametrize("content", [None, b"not a library"])
def test_explicit_library_that_is_bad_is_an_error(tmp_path, content):
    named = tmp_path / "wrong.so"
    if content is not None:
        named.write_bytes(content)
    done = run("import kantor", PACKAGE.parent, KANTOR_LIBRARY=str(named))
    assert done.returncode != 0
    assert "ImportError" in done.stderr and str(named) in done.stderr


def test_another_library_is_refused(tmp_path):
    other = ctypes.util.find_library("m")
    done = run("import kantor", PACKAGE.parent, KANTOR_LIBRARY=other)
    assert f"the library {other} is not Kantor" in done.stderr


@pytest.mark.parametrize("changed, text", [
    ("ABI_VERSION = 999", "has the ABI 0; this package needs 999"),
    ("VERSION_NUMBER = 99999", "this package needs 99999 or later"),
    ("PROTOTYPES['kantor_absent'] = (None, ())", "lacks a function"),
])
def test_another_version_is_refused(tmp_path, changed, text):
    source = copy_package(tmp_path)
    with open(source / "kantor" / "_abi.py", "a") as file:
        file.write(changed + "\n")
    done = run("import kantor", source, KANTOR_LIBRARY=LOADED)
    assert "ImportError" in done.stderr and text in done.stderr and LOADED in done.stderr


def test_library_beside_the_package(tmp_path):
    source = copy_package(tmp_path)
    beside = source / "kantor" / _library.SONAME
    shutil.copy(LOADED, beside)
    done = run(NAME, source)
    assert done.stdout.strip() == str(beside), done.stderr


def test_staged_library_of_a_checkout(tmp_path):
    source = copy_package_to_checkout(tmp_path)
    staged = tmp_path / "build" / "stage" / "lib" / _library.SONAME
    staged.parent.mkdir(parents=True)
    shutil.copy(LOADED, staged)
    done = run(NAME, source)
    assert done.stdout.strip() == str(staged), done.stderr


def copy_package_to_checkout(folder):
    (folder / "include").mkdir()
    (folder / "include" / "kantor.h").write_text("")
    source = folder / "bindings" / "python" / "src"
    source.mkdir(parents=True)
    return copy_package(source)


def test_library_of_the_system(tmp_path):
    source = copy_package(tmp_path / "package")
    folder = tmp_path / "lib"
    folder.mkdir()
    shutil.copy(LOADED, folder / _library.SONAME)
    done = run(NAME, source, LD_LIBRARY_PATH=str(folder))
    assert done.stdout.strip() == _library.SONAME, done.stderr


def test_no_library_says_what_to_do(tmp_path):
    source = copy_package(tmp_path)
    module = source / "kantor" / "_library.py"
    # A name that no system has, as Kantor may be installed on this one.
    module.write_text(module.read_text().replace(_library.SONAME, "libkantor-absent.so.0"))
    done = run("import kantor", source)
    for part in ("ImportError", "libkantor-absent.so.0 was not found", "make stage",
                 "KANTOR_LIBRARY"):
        assert part in done.stderr


def test_symbols_stay_local():
    with pytest.raises(AttributeError):
        ctypes.CDLL(None).kantor_version


def test_import_is_lean():
    code = "import sys, kantor; print([m for m in sys.modules if m.split('.')[0] in " \
           "('scipy', 'matplotlib', 'tqdm')])"
    done = run(code, PACKAGE.parent, KANTOR_LIBRARY=LOADED)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
