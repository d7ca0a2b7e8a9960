"""The C programs of the benchmark: built from this checkout, run for their figures."""

import json
import os
import shutil
import subprocess

from places import BENCH, KERNELS, LATENCY, OUT, QUADRATIC, ROOT, STAGE


def build():
    """Builds what can be built. Returns what went wrong, by program."""
    OUT.mkdir(parents=True, exist_ok=True)
    kernels = ROOT / "Sources" / "CKantorKernels"
    library = STAGE / "lib"
    native = BENCH / "native"
    troubles = {
        name: compile_one("gcc", output, "-std=c11", "-D_GNU_SOURCE", native / f"{name}.c",
                          f"-I{STAGE / 'include'}", f"-L{library}", "-lkantor",
                          f"-Wl,-rpath,{library}")
        for name, output in (("latency", LATENCY), ("quadratic", QUADRATIC))
    }
    troubles |= {
        "kernels": compile_one(clang(), KERNELS, f"-I{kernels / 'include'}", "-D_GNU_SOURCE",
                               native / "kernels.c", *sorted(kernels.glob("*.c")), "-lm"),
    }
    return {name: trouble for name, trouble in troubles.items() if trouble}


def compile_one(compiler, output, *arguments):
    """Returns "" or the first error. An old program does not stay behind."""
    output.unlink(missing_ok=True)
    done = subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", output, *arguments],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    return (errors or done.stderr.splitlines() or ["the compiler failed"])[0]


def clang():
    """The C compiler of the Swift toolchain, which builds the kernels of the library."""
    found = subprocess.run([ROOT / "scripts" / "find-swift"], capture_output=True, text=True)
    beside = os.path.join(os.path.dirname(os.path.realpath(found.stdout.strip())), "clang")
    return beside if os.path.exists(beside) else shutil.which("clang") or "clang"


def kernel_figures(troubles):
    """Nanoseconds per entry of every kernel at every CPU level, or what went wrong."""
    if "kernels" in troubles:
        return {"failure": troubles["kernels"]}
    core = {max(os.sched_getaffinity(0))}
    done = subprocess.run([KERNELS, "--json"], capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, core))
    if done.returncode != 0:
        return {"failure": done.stderr.strip() or f"ended with code {done.returncode}"}
    return json.loads(done.stdout)
