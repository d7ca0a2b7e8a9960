"""The wheel has everything inside and works on its own."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kantor import _library

PROJECT = Path(__file__).resolve().parents[1]
LOADED = Path(_library.lib._name).resolve()


@pytest.fixture
def backend():
    spec = importlib.util.spec_from_file_location(
        "kantor_build", PROJECT / "build_backend" / "kantor_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def stage(tmp_path, monkeypatch):
    folder = tmp_path / "stage" / "lib"
    folder.mkdir(parents=True)
    shutil.copy(LOADED, folder / _library.SONAME)
    monkeypatch.setenv("KANTOR_STAGE", str(folder.parent))
    return folder.parent


def run(code, **environment):
    keep = {name: value for name, value in os.environ.items() if not name.startswith("KANTOR_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        env={**keep, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_wheel_works_on_its_own(backend, stage, tmp_path):
    name = backend.build_wheel(str(tmp_path))
    assert name.startswith("kantor-0.1.0-py3-none-linux_")
    folder = tmp_path / "site"
    with zipfile.ZipFile(tmp_path / name) as archive:
        archive.extractall(folder)
    shown = run(
        "import kantor; from kantor import _library; print(_library.lib._name); "
        "print(kantor.ot.emd2([], [], [[0, 1], [1, 0]]))",
        PYTHONPATH=str(folder),
    )
    assert shown.split() == [str(folder / "kantor" / _library.SONAME), "0.0"]


def test_record_and_metadata(backend, stage, tmp_path):
    name = backend.build_wheel(str(tmp_path))
    with zipfile.ZipFile(tmp_path / name) as archive:
        names = archive.namelist()
        record = archive.read("kantor-0.1.0.dist-info/RECORD").decode().splitlines()
        metadata = archive.read("kantor-0.1.0.dist-info/METADATA").decode()
        for line in record[:-1]:
            path, digest, size = line.split(",")
            data = archive.read(path)
            assert len(data) == int(size)
            expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert digest == f"sha256={expected}"
    assert sorted(line.split(",")[0] for line in record) == sorted(names)
    assert {"kantor/py.typed", "kantor/ot/_exact.py", "kantor/libkantor.so.0"} < set(names)
    for part in ("Name: kantor", "Version: 0.1.0", "Requires-Python: >=3.9",
                 "Requires-Dist: numpy", "Provides-Extra: plot"):
        assert part in metadata


def test_equal_inputs_give_equal_wheels(backend, stage, tmp_path):
    made = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        made.append((tmp_path / folder / backend.build_wheel(str(tmp_path / folder))).read_bytes())
    assert made[0] == made[1]


def test_without_a_library_it_says_what_to_do(backend, tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_STAGE", str(tmp_path))
    with pytest.raises(SystemExit, match="make stage"):
        backend.build_wheel(str(tmp_path))
    with pytest.raises(SystemExit, match="checkout"):
        backend.build_sdist(str(tmp_path))


def test_editable_wheel_points_into_the_checkout(backend, tmp_path):
    name = backend.build_editable(str(tmp_path))
    with zipfile.ZipFile(tmp_path / name) as archive:
        pointer = archive.read("__editable__.kantor.pth").decode().strip()
    assert Path(pointer) == PROJECT / "src"


def test_versions_agree(backend):
    import kantor

    assert backend._project()["version"] == kantor.__version__
