"""The time of one call on ten by ten costs, as each library is called by default."""

import json
import subprocess

import numpy as np

from problems.answer import Answer
from places import LATENCY

from . import contestant
from .exact import matching


@contestant("POT emd, one call", needs="ot")
def pot(task):
    import ot

    return lambda: ot.emd(task.a, task.b, task.cost), lambda plan: Answer(plan=plan)


@contestant("SciPy assignment, one call", needs="scipy")
def scipy(task):
    from scipy.optimize import linear_sum_assignment

    return lambda: linear_sum_assignment(task.cost), matching(task)


@contestant("lapx lapjvs, one call", needs="lap")
def lapx(task):
    import lap

    return lambda: lap.lapjvs(task.cost), matching(task)


@contestant("Kantor ot.emd, one call", needs="kantor")
def kantor_emd(task):
    import kantor.ot

    return lambda: kantor.ot.emd(task.a, task.b, task.cost), lambda plan: Answer(plan=plan)


@contestant("Kantor solve, one call", needs="kantor")
def kantor_solve(task):
    import kantor

    def solve():
        problem = kantor.Problem("transport", cost=task.cost, a=task.a, b=task.b)
        return kantor.solve(problem)

    def answer(result):
        return Answer(entries=(result.plan_row, result.plan_column, result.plan_value))

    return solve, answer


@contestant("Kantor from C: kantor_transport_exact", is_program=True)
def c_exact(task):
    return program(task, "exact")


@contestant("Kantor from C: kantor_solve", is_program=True)
def c_solve(task):
    return program(task, "solve")


def program(task, mode):
    """Lets the C program time itself on the same costs and weights."""
    numbers = np.concatenate([task.a, task.b, task.cost.ravel()])
    text = "\n".join(float(value).hex() for value in numbers)

    def solve():
        command = [LATENCY, mode, str(len(task.a)), str(len(task.b))]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or f"ended with code {done.returncode}")
        return json.loads(done.stdout)

    def answer(raw):
        rows, columns, values = zip(*raw["plan"])
        return Answer(entries=(rows, columns, values), seconds=raw["seconds"])

    return solve, answer
