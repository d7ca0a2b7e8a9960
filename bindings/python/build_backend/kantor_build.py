"""Builds the wheel: the Python files, and libkantor beside them.

A backend of its own, because there is nothing to compile: the library comes from ``make stage``.
It needs no package, so wheels are built without a network. ``KANTOR_STAGE`` names another
installed tree than ``build/stage`` of the checkout.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import re
import sysconfig
import zipfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SONAME = "libkantor.so.0"
# Fixed, so that equal inputs give equal wheels.
TIME = (2026, 1, 1, 0, 0, 0)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """PEP 517: a wheel with the library inside."""
    files = {}
    source = os.path.join(HERE, "src")
    for folder, _folders, names in sorted(os.walk(os.path.join(source, "kantor"))):
        for name in sorted(names):
            if name.endswith((".py", ".typed")):
                path = os.path.join(folder, name)
                files[os.path.relpath(path, source)] = _read(path)
    files["kantor/" + SONAME] = _read(_library())
    return _write(wheel_directory, files)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """PEP 660: a wheel that points into the checkout; the library is found there too."""
    pointer = os.path.join(HERE, "src") + "\n"
    return _write(wheel_directory, {"__editable__.kantor.pth": pointer.encode()})


def build_sdist(sdist_directory, config_settings=None):
    """PEP 517: not offered."""
    raise SystemExit(
        "kantor: a source distribution of the Python package alone could not be built, as the "
        "library is not in it; build a wheel from a checkout"
    )


def _library():
    stage = os.environ.get("KANTOR_STAGE") or os.path.join(HERE, "..", "..", "build", "stage")
    for folder in ("lib", os.path.join("lib", sysconfig.get_config_var("MULTIARCH") or "")):
        path = os.path.join(stage, folder, SONAME)
        if os.path.isfile(path):
            return path
    raise SystemExit(
        f"kantor: {SONAME} is not in {os.path.normpath(os.path.join(stage, 'lib'))}; run "
        "'make stage' first, or name an installed tree in the environment variable KANTOR_STAGE"
    )


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _write(folder, files):
    project = _project()
    tag = "py3-none-" + re.sub(r"[.-]", "_", sysconfig.get_platform())
    stem = f"kantor-{project['version']}"
    info = stem + ".dist-info"
    files = dict(files)
    files[info + "/METADATA"] = _metadata(project).encode()
    files[info + "/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: kantor_build\nRoot-Is-Purelib: false\nTag: {tag}\n"
    ).encode()
    record = [f"{name},{_digest(data)},{len(data)}" for name, data in files.items()]
    record.append(info + "/RECORD,,")
    files[info + "/RECORD"] = ("\n".join(record) + "\n").encode()
    wheel = f"{stem}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name.endswith(SONAME) else 0o644) << 16
            archive.writestr(entry, data)
    return wheel


def _digest(data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return "sha256=" + digest.decode()


def _metadata(project):
    lines = [
        "Metadata-Version: 2.1",
        "Name: kantor",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
    ]
    lines += [f"Requires-Dist: {need}" for need in project["dependencies"]]
    for extra, needs in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {need}; extra == '{extra}'" for need in needs]
    lines.append("Description-Content-Type: text/markdown")
    return "\n".join(lines) + "\n\n" + _read(os.path.join(HERE, project["readme"])).decode()


def _project():
    """The [project] tables of pyproject.toml: strings and lists of strings on single lines."""
    project, table = {"optional-dependencies": {}}, None
    for line in _read(os.path.join(HERE, "pyproject.toml")).decode().splitlines():
        if line.startswith("["):
            table = {
                "[project]": project,
                "[project.optional-dependencies]": project["optional-dependencies"],
            }.get(line.strip())
        elif table is not None and "=" in line:
            key, value = line.split("=", 1)
            table[key.strip()] = ast.literal_eval(value.strip())
    return project
