"""Two threads against one, on an idle machine and beside a process that spins on one core."""

import os
import statistics
import subprocess
import sys
import time

from measure import Entry, absent_packages, tune
from remote import Failed, Worker

ROUNDS = 7
THREADS = (1, 2)


def run(cases, limits):
    """Measures (case, contestant) pairs. Returns one record for each."""
    return [measure(case, name, limits) for case, names in cases for name in names]


def measure(case, name, limits):
    """Medians of the seconds by threads and state of the machine."""
    record = {"case": case.name, "contestant": name, "failure": "", "seconds": {}}
    data = {**case.data, "family": case.family, "tolerance": case.tolerance}
    entries = [Entry(name) for _ in THREADS]
    absent = absent_packages(entries[0].contestant)
    if absent:
        return record | {"failure": f"not installed: {', '.join(absent)}"}
    try:
        for entry, threads in zip(entries, THREADS):
            entry.worker = Worker(name, data, threads)
            n = entry.worker.ask("prepare")["n"]
            tune(entry, case.tolerance, n, limits)
        record["seconds"]["idle"] = turns(entries, limits)
        with Spinner():
            record["seconds"]["busy"] = turns(entries, limits)
    except Failed as failure:
        record["failure"] = str(failure)
    finally:
        for entry in entries:
            if entry.worker:
                entry.worker.stop()
    return record


def turns(entries, limits):
    runs = {threads: [] for threads in THREADS}
    for _ in range(ROUNDS):
        for entry, threads in zip(entries, THREADS):
            reply = entry.worker.ask("time", 20 * limits.seconds, number=1)
            runs[threads].append(reply["seconds"])
    return {str(threads): statistics.median(values) for threads, values in runs.items()}


class Spinner:
    """A process that keeps one core busy for as long as the block lasts."""

    def __enter__(self):
        core = {max(os.sched_getaffinity(0))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "while True: pass"],
            preexec_fn=lambda: os.sched_setaffinity(0, core),
        )
        time.sleep(0.5)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
