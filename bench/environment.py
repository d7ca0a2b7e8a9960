"""Makes .venv-bench from requirements-bench.txt; packages that do not install are written down.

Runs with any Python of the system and its standard library only.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"
REQUIREMENTS = ROOT / "requirements-bench.txt"
STATE = VENV / "bench-environment.json"


def groups():
    """Lists (name, is_optional, requirements) of requirements-bench.txt, in its order."""
    found = []
    for line in REQUIREMENTS.read_text().splitlines():
        heading = re.match(r"# group: ([^(]+?)\s*(\(optional.*\))?$", line)
        if heading:
            found.append((heading[1], heading[2] is not None, []))
        elif line and not line.startswith("#"):
            found[-1][2].append(line.strip())
    return found


def install(requirements):
    """Installs with pip. Returns "" or the last line of what went wrong."""
    command = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet",
               "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"pip ended with {done.returncode}"


def link_checkout():
    """Lets the environment import the Python package of this checkout."""
    sources = ROOT / "bindings" / "python" / "src"
    for site in VENV.glob("lib/python*/site-packages"):
        (site / "kantor-checkout.pth").write_text(f"{sources}\n")


def prepare():
    """Makes or refreshes the environment. Returns the state: a stamp and the failed groups."""
    stamp = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    if state.get("stamp") != stamp:
        print(f"Preparing {VENV.name} from {REQUIREMENTS.name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        state = {"stamp": stamp, "failed": {}}
        for name, is_optional, requirements in groups():
            trouble = install(requirements)
            if trouble and not is_optional:
                raise SystemExit(f"pip could not install {name}: {trouble}")
            if trouble:
                print(f"{name} is left out: {trouble}", flush=True)
                state["failed"][name] = trouble
        STATE.write_text(json.dumps(state, indent=1))
    link_checkout()
    return state


if __name__ == "__main__":
    prepare()
