"""Progress, log, exceptions, Ctrl-C, cancel and threads."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import numpy as np
import pytest

import kantor


def cloud(n, seed=0):
    rng = np.random.default_rng(seed)
    return kantor.Problem("transport", points=(rng.random((n, 2)), rng.random((n, 2))))


# A solve that would go on for hours; every test below ends it otherwise.
LONG = dict(method="sinkhorn", epsilon=1e-4, tolerance=1e-15, max_iterations=10**9)


@pytest.fixture(scope="module")
def long_problem():
    return cloud(1500)


# Progress


def test_progress_is_told(rng):
    seen = []
    result = kantor.solve(cloud(40), "sinkhorn", progress=seen.append, epsilon=0.01)
    done = [entry for entry in seen if not entry.is_heartbeat]
    assert result.status == "solved" and len(done) > 1
    assert isinstance(done[0], kantor.Progress)
    assert [entry.iteration for entry in done] == sorted(entry.iteration for entry in done)
    assert done[-1].seconds >= done[0].seconds >= 0
    assert np.isfinite(done[-1].residual)


@pytest.mark.parametrize("answer, status", [
    (True, "stopped_by_callback"), (1, "stopped_by_callback"), ("yes", "stopped_by_callback"),
    (False, "solved"), (None, "solved"), (0, "solved"),
])
def test_a_true_answer_stops(answer, status):
    result = kantor.solve(cloud(40), "sinkhorn", epsilon=0.01, progress=lambda now: answer)
    assert result.status == status
    if status != "solved":
        assert result.callback_code != 0
    assert np.isfinite(result.potential_source).all()


def test_heartbeats_come_in_long_solves(long_problem):
    pauses = []

    def watch(now):
        pauses.append(time.monotonic())
        return len(pauses) > 20

    result = kantor.solve(long_problem, heartbeat=0.01, progress=watch, **LONG)
    assert result.status == "stopped_by_callback" and len(pauses) == 21


@pytest.mark.parametrize("progress", [3, "yes", object()])
def test_progress_must_be_a_function(progress):
    with pytest.raises(kantor.InvalidTypeError, match="progress"):
        kantor.solve(cloud(3), progress=progress)


def test_progress_bar(capsys):
    result = kantor.solve(cloud(200), "sinkhorn", epsilon=0.01, progress=True)
    shown = capsys.readouterr().err
    assert result.status == "solved"
    assert "sinkhorn" in shown and f"{result.iterations} it" in shown and "residual" in shown


def test_progress_without_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert kantor.solve(cloud(20), progress=True).status == "solved"
    assert capsys.readouterr().err == ""


# Log


def test_log_function():
    lines = []
    kantor.solve(
        cloud(300), "sinkhorn", epsilon=1e-3, log=lambda *line: lines.append(line),
        log_level="debug",
    )
    assert lines
    assert all(level in ("error", "warning", "info", "debug") for level, _text in lines)
    assert all(isinstance(text, str) and text for _level, text in lines)


def test_log_to_logging(caplog):
    with caplog.at_level(logging.DEBUG):
        kantor.solve(cloud(300), "sinkhorn", epsilon=1e-3, log=True, log_level="debug")
        kantor.solve(cloud(300), "sinkhorn", epsilon=1e-3, log=logging.getLogger("mine"),
                     log_level="debug")
    assert {record.name for record in caplog.records} == {"kantor", "mine"}


@pytest.mark.parametrize("words", [dict(log=3), dict(log=print, log_level="loud")])
def test_log_must_be_right(words):
    with pytest.raises(kantor.KantorError, match="log"):
        kantor.solve(cloud(3), **words)


def test_silence(capfd):
    kantor.solve(cloud(50), "sinkhorn")
    assert capfd.readouterr() == ("", "")


# Exceptions


class Special(BaseException):
    pass


@pytest.mark.parametrize(
    "kind", [ValueError, KeyboardInterrupt, SystemExit, Special, StopIteration]
)
def test_exceptions_of_progress_come_through(kind, capfd, long_problem):
    def inner():
        raise kind("from inside")

    def fail(now):
        inner()

    with pytest.raises(kind, match="from inside") as raised:
        kantor.solve(long_problem, progress=fail, **LONG)
    frames = [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert frames[-2:] == ["fail", "inner"]
    assert capfd.readouterr().err == ""


def test_a_failing_hook_is_not_called_again(long_problem):
    calls = []

    def fail(now):
        calls.append(now)
        raise RuntimeError("once")

    with pytest.raises(RuntimeError, match="once"):
        kantor.solve(long_problem, progress=fail, **LONG)
    assert len(calls) == 1


def test_exceptions_of_log_come_through(long_problem):
    def fail(level, text):
        raise LookupError("from the log")

    with pytest.raises(LookupError, match="from the log"):
        kantor.solve(cloud(300), "sinkhorn", epsilon=1e-3, log=fail, log_level="debug")


def test_solving_inside_of_a_hook():
    inner = []

    def nested(now):
        inner.append(kantor.solve(cloud(10, seed=1)).objective)
        return len(inner) == 3

    assert kantor.solve(cloud(60), "sinkhorn", progress=nested).status == "stopped_by_callback"
    assert inner == [kantor.solve(cloud(10, seed=1)).objective] * 3


# Ctrl-C


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: a shell's background jobs are started with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(seconds):
    timer = threading.Timer(seconds, signal.raise_signal, [signal.SIGINT])
    # raise_signal in a thread marks the signal for the main thread, as the terminal does.
    timer.start()
    return timer


@pytest.mark.parametrize("progress", [None, lambda now: False])
def test_ctrl_c_stops_and_raises(interruptible, long_problem, progress):
    before = signal.getsignal(signal.SIGINT)
    for _ in range(3):
        timer = press(0.1)
        with pytest.raises(KeyboardInterrupt):
            kantor.solve(long_problem, progress=progress, **LONG)
        timer.join()
        assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_nested_solve_stops_both(interruptible, long_problem):
    inner = []

    def nested(now):
        inner.append("started")
        timer = press(0.1)
        try:
            kantor.solve(long_problem, **LONG)
        finally:
            timer.join()
            inner.append("left")

    with pytest.raises(KeyboardInterrupt):
        kantor.solve(cloud(60), "sinkhorn", progress=nested)
    assert inner == ["started", "left"]


def test_a_handler_of_the_host_decides(long_problem):
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        timer = press(0.05)
        result = kantor.solve(long_problem, time_limit=0.4, **LONG)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT] and result.status == "time_limit"


def test_ignored_ctrl_c_stays_ignored(long_problem):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        timer = press(0.05)
        result = kantor.solve(long_problem, time_limit=0.4, **LONG)
        timer.join()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.status == "time_limit"


def test_ctrl_c_in_a_program_of_its_own():
    program = textwrap.dedent("""
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import numpy as np, kantor
        rng = np.random.default_rng(0)
        problem = kantor.Problem("transport", points=(rng.random((1500, 2)), rng.random((1500, 2))))
        print("ready", flush=True)
        kantor.solve(problem, "sinkhorn", epsilon=1e-4, tolerance=1e-15, max_iterations=10**9)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    )
    try:
        assert child.stdout.readline().strip() == "ready"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _out, errors = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert "KeyboardInterrupt" in errors and child.returncode != 0


# Cancel and threads


def test_cancel_from_a_thread(long_problem):
    settings = kantor.Settings()
    timer = threading.Timer(0.1, settings.cancel)
    timer.start()
    result = kantor.solve(long_problem, settings=settings, **LONG)
    timer.join()
    assert result.status == "cancelled"
    assert np.isfinite(result.potential_source).all()


def test_cancel_reaches_every_solve_of_the_settings(long_problem):
    settings = kantor.Settings("sinkhorn", **{k: v for k, v in LONG.items() if k != "method"})
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(kantor.solve(long_problem, settings=settings)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    settings.cancel()
    for thread in threads:
        thread.join(timeout=30)
    assert [result.status for result in found] == ["cancelled"] * 2


def test_cancel_from_the_hook(long_problem):
    settings = kantor.Settings()
    result = kantor.solve(
        long_problem, settings=settings, progress=lambda now: settings.cancel(), **LONG
    )
    assert result.status == "cancelled"


def test_the_interpreter_is_free_while_solving(long_problem):
    counted = 0
    ready, done = threading.Event(), threading.Event()

    def work():
        ready.set()
        kantor.solve(long_problem, time_limit=0.5, **LONG)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    while not done.is_set():
        counted += 1
        time.sleep(0.001)
    thread.join()
    # Holding the lock for the solve would leave room for a turn or two.
    assert counted > 20


def test_many_threads_get_the_same_answer():
    problem = cloud(120)
    expected = kantor.solve(problem).objective
    found = []

    def work():
        for _ in range(5):
            found.append(kantor.solve(problem).objective)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 40


def test_time_limit(long_problem):
    result = kantor.solve(long_problem, time_limit=0.1, **LONG)
    assert result.status == "time_limit" and result.seconds >= 0.1


@pytest.mark.parametrize("method", kantor.methods("transport"))
def test_the_same_bits_every_time(method):
    rng = np.random.default_rng(5)
    problem = kantor.Problem("transport", points=(rng.random(60), rng.random(60)))
    first, second = (kantor.solve(problem, method, trace=True) for _ in range(2))
    assert list(first) == list(second)
    for name in set(first) - {"seconds", "trace_seconds"}:
        if isinstance(first[name], str):
            assert first[name] == second[name]
        else:
            assert np.array_equal(first[name], second[name], equal_nan=True), name
