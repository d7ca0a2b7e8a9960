"""The harness's end of a worker process: starts it, asks it, gives up on it."""

import json
import os
import select
import signal
import subprocess
import sys
import time

from places import BENCH, LOGS

PREPARATION = 300  # seconds for imports, data and conversion


class Failed(Exception):
    """A contestant that did not answer: the text says how it failed."""


class Worker:
    def __init__(self, contestant, data, threads, cores=None):
        LOGS.mkdir(parents=True, exist_ok=True)
        request = json.dumps({"contestant": contestant, "data": data, "threads": threads})
        self.log = open(LOGS / f"{contestant}.txt".replace("/", " "), "ab")
        self.process = subprocess.Popen(
            [sys.executable, str(BENCH / "worker.py"), request],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env=environment(threads),
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
        )
        self.buffer = b""

    def ask(self, do, limit=PREPARATION, **arguments):
        """Sends a command and waits for its reply, at most `limit` seconds."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.ending()) from None
        reply = json.loads(self.line(limit))
        if "failed" in reply:
            raise Failed(reply["failed"])
        return reply

    def line(self, limit):
        deadline = time.monotonic() + limit
        source = self.process.stdout.fileno()
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                self.stop(kill=True)
                raise Failed(f"no answer within {limit:.0f} s")
            piece = os.read(source, 1 << 16)
            if not piece:
                raise Failed(self.ending())
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def ending(self):
        code = self.process.wait()
        return f"crashed: {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def stop(self, kill=False):
        if kill:
            self.process.kill()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def environment(threads):
    """The environment of a contestant: its threads, and nothing that changes OpenBLAS."""
    changed = dict(os.environ)
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "KANTOR_CPU"):
        changed.pop(name, None)
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        changed[f"{name}_NUM_THREADS"] = str(threads)
    changed["JAX_PLATFORMS"] = "cpu"
    return changed
