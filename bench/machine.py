"""What the figures were measured on."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys

from places import ENVIRONMENT, ROOT
from remote import environment

PACKAGES = (
    "numpy", "scipy", "POT", "lapx", "ott-jax", "jax", "geomloss", "torch", "regot", "piqp",
    "clarabel", "osqp", "scs", "highspy", "proxsuite", "daqp", "quadprog",
)


def describe():
    """The machine, the versions, the library as it describes itself."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "not_installed": json.loads(ENVIRONMENT.read_text())["failed"],
        "kantor": library(),
        "commit": commit(),
    }


def processor():
    with open("/proc/cpuinfo") as file:
        names = dict(
            [part.strip() for part in line.split(":", 1)] for line in file if ":" in line
        )
    known = names.get("model name", platform.machine())
    model = f"family {names.get('cpu family', '?')}, model {names.get('model', '?')}"
    vectors = "AVX-512" if "avx512f" in names.get("flags", "") else "no AVX-512"
    return f"{known} ({model}, {vectors})"


def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def library():
    """What libkantor says of itself, or why it cannot be used."""
    program = "import kantor._library as l; print(l.lib.kantor_build_info().decode())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          env=environment(1))
    if done.returncode != 0:
        return {"failure": (done.stderr.strip().splitlines() or ["no library"])[-1]}
    return json.loads(done.stdout)


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT,
                          capture_output=True, text=True)
    return done.stdout.strip() or None
