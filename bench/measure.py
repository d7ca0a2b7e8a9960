"""Measures the contestants of a case in turns, so that a drift of the machine meets all alike."""

import importlib.util
import os
import statistics
import time

import tuning
from contestants import CONTESTANTS
from judge import judge
from limits import Limits
from remote import Failed, Worker

SHORT = 0.02  # seconds that a timing lasts at least: quick solves are repeated inside
SETTLE = 0.25  # seconds between turns with threads, in which spinning pools fall asleep


class Entry:
    """A contestant in a case: its worker and what is known of it."""

    def __init__(self, name):
        self.name, self.contestant = name, CONTESTANTS[name]
        self.worker = self.stop = None
        self.number, self.wanted, self.runs, self.processor = 1, 0, [], []
        self.figures, self.failure, self.bytes = {}, "", None

    def record(self):
        seconds = statistics.median(self.runs) if self.runs else None
        return {
            "contestant": self.name, "failure": self.failure, "seconds": seconds,
            "runs": self.runs, "processor_seconds": self.processor, "figures": self.figures,
            "memory_bytes": self.bytes, "stop": self.stop,
        }


def run_case(case, contestants, threads, limits: Limits):
    """Runs a case with a number of threads. Returns its record for results.json."""
    data = {**case.data, "family": case.family, "tolerance": case.tolerance}
    entries = [Entry(name) for name in contestants]
    cores = pinned(threads)
    try:
        for entry in entries:
            admit(entry, data, threads, cores, limits)
        take_turns([entry for entry in entries if entry.wanted and entry.worker], threads, limits)
    finally:
        for entry in entries:
            if entry.worker:
                entry.worker.stop()
    for entry in entries:
        if case.memory and entry.runs and entry.runs[0] < limits.memory_seconds:
            weigh(entry, data, threads, cores, limits)
    records = judge(case, [entry.record() for entry in entries])
    return {
        "case": case.name, "title": case.title, "family": case.family, "threads": threads,
        "data": case.data, "tolerance": case.tolerance, "entries": records,
    }


def pinned(threads):
    """One-threaded runs stay on one core; others may use all."""
    return {max(os.sched_getaffinity(0))} if threads == 1 else None


def is_absent(package):
    return importlib.util.find_spec(package) is None


def absent_packages(contestant):
    """The packages that a contestant needs and that are not there."""
    return [name for name in contestant.needs if is_absent(name)]


def admit(entry, data, threads, cores, limits):
    """Starts a contestant and finds the setting with which it is accurate enough."""
    absent = absent_packages(entry.contestant)
    if absent:
        entry.failure = f"not installed: {', '.join(absent)}"
        return
    entry.worker = Worker(entry.name, data, threads, cores)
    try:
        n = entry.worker.ask("prepare")["n"]
        seconds = tune(entry, data["tolerance"], n, limits)
    except Failed as failure:
        entry.failure, entry.wanted = str(failure), 0
        return
    if not entry.contestant.is_program:
        entry.number = max(1, min(100_000, round(SHORT / max(seconds, 1e-7))))
    entry.wanted = limits.rounds(seconds)
    # A wrong answer is timed all the same, for the reader to see what it took; but not for long.
    if entry.figures.get("error", 0) > data["tolerance"]:
        entry.wanted = 1


def tune(entry, tolerance, n, limits):
    """Tries knobs until the answer is right. Returns the seconds of the last solve."""
    kind = entry.contestant.tune
    entry.stop, tried, spent = tuning.first_stop(kind, tolerance, n), [], 0.0
    while True:
        seconds = entry.worker.ask("attempt", limits.seconds, stop=entry.stop)["seconds"]
        spent += seconds
        entry.figures = entry.worker.ask("examine")
        tried.append((entry.stop, entry.figures.get("error", 0.0)))
        following = tuning.next_stop(kind, tolerance, tried)
        out_of_time = spent > 2 * limits.seconds
        if following is None or (out_of_time and tried[-1][1] <= tolerance):
            return seconds
        if out_of_time:
            raise Failed(f"error {tried[-1][1]:.1e} after {spent:.0f} s of tries")
        entry.stop = following


def take_turns(entries, threads, limits):
    """A B C, A B C, ... until each has its rounds."""
    for turn in range(max((entry.wanted for entry in entries), default=0)):
        for entry in entries:
            if turn >= entry.wanted:
                continue
            if threads > 1:
                time.sleep(SETTLE)
            try:
                reply = entry.worker.ask("time", 2 * limits.seconds, number=entry.number)
                entry.runs.append(reply["seconds"])
                entry.processor.append(reply["processor_seconds"])
            except Failed as failure:
                entry.failure, entry.wanted = str(failure), 0


def weigh(entry, data, threads, cores, limits):
    """Memory of one solve beyond the problem's data, in a fresh process."""
    if entry.contestant.is_program:
        return
    worker = Worker(entry.name, data, threads, cores)
    try:
        worker.ask("prepare")
        entry.bytes = worker.ask("memory", 2 * limits.seconds, stop=entry.stop)["bytes"]
    except Failed as failure:
        entry.figures["note"] = f"memory not measured: {failure}"
    finally:
        worker.stop()
