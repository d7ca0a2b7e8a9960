"""One contestant on one problem in a process of its own; commands and replies are lines of JSON.

prepare          build the problem, import the library, convert the data
attempt stop     solve once with this knob
examine          figures of that answer
time number      solve `number` times, give seconds for one
memory stop      peak of the resident memory during one solve, above what was resident before
"""

import gc
import json
import os
import sys
import time
import warnings


def main():
    request = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log
    warnings.simplefilter("default")
    session = Session(request)
    for line in sys.stdin:
        command = json.loads(line)
        action = getattr(session, command.pop("do"))
        try:
            reply = action(**command)
        except Exception as error:  # a failure of the contestant is a result
            text = " ".join(str(error).split())
            reply = {"failed": f"{type(error).__name__}: {text}"[:300]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


class Session:
    def __init__(self, request):
        self.request = request

    def prepare(self):
        from contestants import CONTESTANTS
        from problems import make_task

        self.contestant = CONTESTANTS[self.request["contestant"]]
        self.task = make_task(self.request["data"], self.request["threads"])
        self.call, self.answer = self.contestant.prepare(self.task)
        return {"n": len(self.task.a)}

    def attempt(self, stop):
        self.task.stop = stop
        self.raw, seconds, _ = self.timed(1)
        return {"seconds": seconds}

    def examine(self):
        from problems import examine

        answer = self.answer(self.raw)
        del self.raw
        return examine(self.task, answer)

    def time(self, number):
        raw, seconds, processor = self.timed(number)
        if self.contestant.is_program:
            seconds = processor = self.answer(raw).seconds
        return {"seconds": seconds, "processor_seconds": processor}

    def timed(self, number):
        """Calls the solver; the last answer, the seconds and the processor seconds of one call."""
        call = self.call
        gc.collect()
        gc.disable()
        try:
            busy, start = time.process_time(), time.perf_counter()
            for _ in range(number):
                raw = call()
            seconds = time.perf_counter() - start
            return raw, seconds / number, (time.process_time() - busy) / number
        finally:
            gc.enable()

    def memory(self, stop):
        import memory

        self.task.stop = stop
        self.warm_up()
        before = memory.reset_peak()
        raw = self.call()
        peak = memory.peak()
        del raw
        return {"bytes": max(peak - before, 0)}

    def warm_up(self):
        """Loads what the library loads at its first solve, on a small problem of the same kind."""
        from problems import make_task

        task = make_task({**self.request["data"], "n": 16}, self.request["threads"])
        task.stop = 25 if self.contestant.tune == "iterations" else 1e-2
        self.contestant.prepare(task)[0]()


if __name__ == "__main__":
    main()
