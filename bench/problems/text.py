"""Test problems of Tests/collections (the format stands in the README there), as Python objects."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "collections"
FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos")


@dataclass
class TextProblem:
    """One problem; expressions are Python source over x1, x2, ... and the names of `lets`."""

    name: str
    start: np.ndarray = None
    lower: np.ndarray = None
    upper: np.ndarray = None
    lets: list = field(default_factory=list)
    objective: str = ""
    rows: list = field(default_factory=list)
    row_lower: list = field(default_factory=list)
    row_upper: list = field(default_factory=list)
    optima: list = field(default_factory=list)

    @property
    def size(self):
        return len(self.start)

    @property
    def is_equality_only(self):
        free = np.isinf(self.lower).all() and np.isinf(self.upper).all()
        return free and bool(self.rows) and self.row_lower == self.row_upper

    def evaluate(self, x, library):
        """f and the list of c for a sequence x that `library` (numpy, casadi) computes with."""
        scope = {name: getattr(library, name) for name in FUNCTIONS}
        scope["pi"] = math.pi
        scope.update({f"x{i + 1}": x[i] for i in range(self.size)})
        for name, source in self.lets:
            scope[name] = eval(source, scope)
        return eval(self.objective, scope), [eval(row, scope) for row in self.rows]

    def functions(self):
        """f, its gradient, c, its Jacobian, for NumPy arrays; derivatives by complex steps."""

        def derivative(x):
            columns = []
            for j in range(self.size):
                moved = x.astype(complex)
                moved[j] += 1e-30j
                f, c = self.evaluate(moved, np)
                columns.append([np.imag(f) / 1e-30] + [np.imag(row) / 1e-30 for row in c])
            return np.array(columns, dtype=float).T

        def value(x):
            return float(np.real(self.evaluate(x, np)[0]))

        def rows(x):
            return np.array([float(row) for row in self.evaluate(x, np)[1]])

        return value, lambda x: derivative(x)[0], rows, lambda x: derivative(x)[1:]


def _number(text):
    return float(eval(text.replace("^", "**"), {"inf": math.inf, "sqrt": math.sqrt}))


def _row(problem, text):
    parts = re.split(r"(<=|>=|=)", text)
    if len(parts) == 5:
        low, body, high = _number(parts[0]), parts[2], _number(parts[4])
    else:
        body, sign, side = parts
        low = _number(side) if sign != "<=" else -math.inf
        high = _number(side) if sign != ">=" else math.inf
    problem.rows.append(body.strip().replace("^", "**"))
    problem.row_lower.append(low)
    problem.row_upper.append(high)


def _line(problem, word, rest):
    if word == "start":
        problem.start = np.array([float(part) for part in rest.split()])
        problem.lower = np.full(problem.size, -np.inf)
        problem.upper = np.full(problem.size, np.inf)
    elif word == "bounds":
        *which, low, high = rest.split()
        first, last = 1, problem.size
        if which:
            ends = [int(part.lstrip("x")) for part in which[0].split("..")]
            first, last = ends[0], ends[-1]
        problem.lower[first - 1:last] = float(low)
        problem.upper[first - 1:last] = float(high)
    elif word == "let":
        name, source = rest.split("=", 1)
        problem.lets.append((name.strip(), source.strip().replace("^", "**")))
    elif word == "minimise":
        problem.objective = rest.replace("^", "**")
    elif word == "row":
        _row(problem, rest)
    elif word == "optimum":
        problem.optima = [float(part) for part in rest.split()]


def load():
    """All problems, by name, in the order of the files."""
    found = {}
    for path in sorted(FOLDER.glob("*.txt")):
        text = re.sub(r"\n[ \t]+(?=\S)", " ", path.read_text())
        for line in text.splitlines():
            word, _, rest = line.strip().partition(" ")
            if word == "problem":
                problem = found[rest] = TextProblem(rest)
            elif word and not word.startswith("#"):
                _line(problem, word, rest)
    return found
