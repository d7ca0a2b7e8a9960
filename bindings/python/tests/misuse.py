"""Right arguments for every exported function, to be spoilt one at a time."""

from __future__ import annotations

import ctypes
import re
from ctypes import byref, c_char_p, c_double, c_int64, c_void_p, sizeof

import numpy as np
from scipy import sparse
from test_prototypes import parameters, source

import kantor
from kantor import _abi, _arrays, _sparse
from kantor._library import lib

COST = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0]])
TWO, ONE = np.array([2.0]), np.array([-1.0])
START = np.zeros(3)

#: Names that each function takes with success.
NAMES = {
    "kantor_problem_set_real": b"power",
    "kantor_problem_set_text": b"metric",
    "kantor_problem_set_array": b"cost",
    "kantor_problem_get_array": b"cost",
    "kantor_settings_set_real": b"epsilon",
    "kantor_settings_set_int": b"max_iterations",
    "kantor_settings_set_flag": b"trace",
    "kantor_settings_set_text": b"engine",
    "kantor_settings_set_parse": b"epsilon",
    "kantor_settings_get_real": b"epsilon",
    "kantor_settings_get_int": b"max_iterations",
    "kantor_settings_get_text": b"engine",
    "kantor_settings_reset": b"epsilon",
    "kantor_settings_set_start": b"potential_target",
    "kantor_result_real": b"objective",
    "kantor_result_int": b"iterations",
    "kantor_result_text": b"message",
    "kantor_result_array": b"plan",
    "kantor_result_copy": b"plan",
    # A transport problem has no field of type int.
    "kantor_problem_set_int": b"power",
    "kantor_problem_set_sparse": b"A",
    "kantor_problem_set_functions": b"functions",
    "kantor_problem_set_questions": b"functions",
    "kantor_problem_set_problem": b"lower",
}
#: What the whole and correct call is refused with.
REFUSED_AS_IS = {"kantor_problem_set_int": _abi.E_TYPE}
TEXTS = {"kantor_problem_set_text": b"l1", "kantor_settings_set_text": b"log",
         "kantor_settings_set_parse": b"0.5"}

#: Pointers that may be NULL.
OPTIONAL = {
    ("kantor_solve", "method"), ("kantor_solve", "settings"),
    ("kantor_stepper_create", "method"), ("kantor_stepper_create", "settings"),
    ("kantor_stepper_free", "stepper"),
    ("kantor_problem_set_functions", "release"), ("kantor_problem_set_functions", "owner"),
    ("kantor_problem_set_problem", "method"), ("kantor_problem_set_problem", "settings"),
    ("kantor_problem_check_derivatives", "x"), ("kantor_problem_check_derivatives", "settings"),
    ("kantor_bilevel_hypergradient", "settings"),
    ("kantor_solve_batch", "method"), ("kantor_solve_batch", "settings"),
    ("kantor_solve_batch", "codes"),
    ("kantor_settings_create", "method"), ("kantor_settings_reset", "name"),
    ("kantor_settings_set_progress", "progress"), ("kantor_settings_set_progress", "user"),
    ("kantor_settings_set_log", "log"), ("kantor_settings_set_log", "user"),
    ("kantor_settings_warm_start", "result"), ("kantor_settings_set_start", "array"),
    ("kantor_problem_set_array", "release"), ("kantor_problem_set_array", "owner"),
    ("kantor_problem_free", "problem"), ("kantor_settings_free", "settings"),
    ("kantor_result_free", "result"), ("kantor_result_save", "bytes"),
    *(("kantor_cone_bound", name) for name in ("x", "lower", "upper")),
    ("kantor_qp_dense", "workspace"), ("kantor_prox_apply", "value"),
    *(("kantor_transport_exact", name) for name in ("a", "b", "objective", "f", "g")),
    # All plan arrays or none, which has a test of its own.
    *(("kantor_transport_exact", name)
      for name in ("plan_row", "plan_column", "plan_value", "count")),
}


def signatures():
    """Parameter names and C types of every function."""
    found = {}
    for _result, name, listed in re.findall(
        r"KANTOR_API ([^;()]*?)\b(kantor_\w+)\(([^)]*)\);", source()
    ):
        names = [re.search(r"(\w+)$", part.strip()).group(1) for part in listed.split(",")]
        found[name] = [] if listed.strip() == "void" else list(zip(names, parameters(listed)))
    return found


SIGNATURES = signatures()


def bilevel_problem():
    """min (x - 1)^2 + y^2 over y = argmin (y - x)^2."""
    upper = kantor.Functions(
        2, value=lambda w: (w[0] - 1) ** 2 + w[1] ** 2, gradient=lambda w: [2 * w[0] - 2, 2 * w[1]]
    )
    lower = kantor.Functions(
        2, value=lambda w: (w[1] - w[0]) ** 2,
        gradient=lambda w: [2 * (w[0] - w[1]), 2 * (w[1] - w[0])],
    )
    return kantor.Problem("bilevel", upper=upper, lower=lower, start_x=[0.0], start_y=[0.0])


class World:
    """Live handles of every kind, and memory to write to."""

    def __init__(self):
        self.problem_object = kantor.Problem("transport", points=(COST.T[:, :1], COST[:, :1]))
        self.problem = c_void_p()
        assert lib.kantor_problem_create(b"transport", byref(self.problem)) == 0
        self.cost, self._keep = _arrays.view_of(COST, "cost")
        assert lib.kantor_problem_set_array(
            self.problem, b"cost", byref(self.cost), _abi.COPY, _arrays.NO_RELEASE, None
        ) == 0
        self.settings = c_void_p()
        assert lib.kantor_settings_create(b"sinkhorn", byref(self.settings)) == 0
        self.result = c_void_p()
        assert lib.kantor_solve(self.problem, b"sinkhorn", None, byref(self.result)) == 0
        self.open = c_void_p()
        assert lib.kantor_problem_copy(self.problem, byref(self.open)) == 0
        # The kind that has fields for sparse matrices.
        self.program = c_void_p()
        assert lib.kantor_problem_create(b"cone", byref(self.program)) == 0
        self.sparse, self._parts = _sparse.sparse_view(sparse.csc_matrix(COST), "A")
        # A program of one variable, for bounds.
        self.bounded = c_void_p()
        assert lib.kantor_problem_create(b"cone", byref(self.bounded)) == 0
        self.one = np.ones(1)
        self.ones = _arrays.view_of(self.one, "q")[0]
        self.none, self._none = _arrays.view_of(np.zeros(0), "z")
        assert lib.kantor_problem_set_array(
            self.bounded, b"q", byref(self.ones), _abi.COPY, _arrays.NO_RELEASE, None
        ) == 0
        square, self._square = _arrays.view_of(np.ones((1, 1)), "P")
        assert lib.kantor_problem_set_array(
            self.bounded, b"P", byref(square), _abi.COPY, _arrays.NO_RELEASE, None
        ) == 0
        self.bounded_result = c_void_p()
        assert lib.kantor_solve(self.bounded, None, None, byref(self.bounded_result)) == 0
        # x^2, by functions and by questions, and a bilevel problem of two such.
        self.bundle = kantor.Functions(1, value=lambda x: x[0] ** 2, gradient=lambda x: 2 * x)
        self.smooth = kantor.Problem("nonlinear", functions=self.bundle, start=[1.0])
        self.nested = bilevel_problem()
        self.outer = c_void_p()
        assert lib.kantor_problem_create(b"nested", byref(self.outer)) == 0
        self.unset = c_void_p()
        assert lib.kantor_problem_create(b"nonlinear", byref(self.unset)) == 0
        self.settings_of_all = c_void_p()
        assert lib.kantor_settings_create(None, byref(self.settings_of_all)) == 0
        # A stepper that has ended, one with an open question, and one that may be freed.
        self.ended = self.stepper(self.problem)
        told = _abi.Question(struct_size=sizeof(_abi.Question))
        assert lib.kantor_stepper_next(self.ended, byref(told)) == 0 and told.member is None
        self.asking = kantor.Problem(
            "nonlinear", functions=kantor.Questions(["value"], 1), start=[1.0])
        self.asked = self.stepper(c_void_p(self.asking._handle.pointer))
        assert lib.kantor_stepper_next(self.asked, byref(told)) == 0 and told.member == b"value"
        self.freed = c_void_p()
        assert lib.kantor_settings_create(None, byref(self.freed)) == 0
        lib.kantor_settings_free(self.freed)
        self.zeros = ctypes.create_string_buffer(256)
        self.start, self._start = _arrays.view_of(START, "start")
        # The parameter of a proximal map.
        self.weight = _arrays.view_of(np.ones(()), "weight")
        self.weights = (c_void_p * 1)(ctypes.addressof(self.weight[0]))
        self.memory = np.full(64, 7.0)
        self.whole = np.full(64, 7, np.int64)
        self.text = ctypes.create_string_buffer(b"untouched", 4096)
        self.room = ctypes.create_string_buffer(1 << 14)
        size = c_int64()
        assert lib.kantor_result_save(
            self.result, self.room, len(self.room), byref(size)) == 0
        self.saved = self.room.raw[:size.value]
        self.made = []

    def close(self):
        lib.kantor_result_free(self.result)
        lib.kantor_result_free(self.bounded_result)
        for problem in (
            self.problem, self.open, self.program, self.bounded, self.unset, self.outer
        ):
            lib.kantor_problem_free(problem)
        for stepper in (self.ended, self.asked):
            lib.kantor_stepper_free(stepper)
        lib.kantor_settings_free(self.settings)
        lib.kantor_settings_free(self.settings_of_all)

    def stepper(self, problem):
        pointer = c_void_p()
        assert lib.kantor_stepper_create(problem, None, None, byref(pointer)) == 0
        return pointer

    def handle(self, kind):
        return {"problem": self.open, "settings": self.settings, "result": self.result,
                "stepper": self.ended}[kind]

    def wrong(self, kind):
        """Pointers that are no live handle of the kind."""
        others = ["problem", "settings", "result"]
        if kind in others:
            others.remove(kind)
        else:
            others.remove("result")
        return [*(self.handle(other) for other in sorted(others)), self.freed,
                c_void_p(ctypes.addressof(self.zeros)), c_void_p(self.memory.ctypes.data)]

    def arguments(self, function):
        return [self.argument(function, name, kind) for name, kind in SIGNATURES[function]]

    def argument(self, function, name, kind):
        if function == "kantor_cone_bound":
            return {"problem": self.bounded, "z": self.none, "bound": c_double(7)}.get(
                name, self.ones)
        if (function, name) == ("kantor_result_jvp", "result"):
            return self.bounded_result
        found = self.with_functions(function, name)
        if found is not None:
            return found
        bare = kind.replace("const", "").replace(" ", "")
        if bare in ("kantor_problem*", "kantor_settings*", "kantor_result*", "kantor_stepper*"):
            wanted = bare[len("kantor_"):-1]
            if function == "kantor_problem_set_sparse":
                return self.program
            frees = function.endswith("_free")
            if frees:
                return self.disposable(wanted)
            solves = function in ("kantor_solve", "kantor_stepper_create")
            return self.problem if solves and wanted == "problem" else self.handle(wanted)
        if (function, name) == ("kantor_solve_batch", "problems"):
            self._batch = (c_void_p * 1)(self.problem)
            return self._batch
        if bare in ("kantor_problem**", "kantor_settings**", "kantor_result**",
                    "kantor_stepper**"):
            self.made.append((bare[len("kantor_"):-2], c_void_p(12345)))
            return self.made[-1][1]
        special = {
            ("kantor_solve", "method"): b"sinkhorn",
            ("kantor_stepper_create", "method"): b"sinkhorn",
            ("kantor_solve_batch", "method"): b"sinkhorn",
            ("kantor_solve_batch", "codes"): (ctypes.c_int32 * 1)(),
            ("kantor_settings_set_start", "array"): self.start,
            ("kantor_result_copy", "values"): self.memory.ctypes.data,
            ("kantor_result_load", "bytes"): self.saved,
            ("kantor_result_load", "size"): len(self.saved),
            ("kantor_result_save", "bytes"): self.room,
            ("kantor_result_save", "capacity"): len(self.room),
            ("kantor_transport_exact", "cost"): COST.ctypes.data,
            ("kantor_transport_exact", "n"): 2, ("kantor_transport_exact", "m"): 3,
            ("kantor_transport_exact", "count"): self.whole.ctypes.data + 320,
            ("kantor_transport_exact", "plan_row"): self.whole.ctypes.data,
            ("kantor_transport_exact", "plan_column"): self.whole.ctypes.data + 160,
            ("kantor_transport_exact", "plan_value"): self.memory.ctypes.data,
            ("kantor_transport_exact", "f"): self.memory.ctypes.data + 80,
            ("kantor_transport_exact", "g"): self.memory.ctypes.data + 160,
            ("kantor_transport_exact", "objective"): self.memory.ctypes.data + 240,
            ("kantor_transport_exact", "a"): None, ("kantor_transport_exact", "b"): None,
            ("kantor_transport_exact", "capacity"): 4,
            # min x^2 - x, in memory that the call allocates.
            ("kantor_qp_dense", "problem"): _abi.QP(
                sizeof(_abi.QP), 1, 0, TWO.ctypes.data, ONE.ctypes.data),
            ("kantor_qp_dense", "workspace"): None, ("kantor_qp_dense", "count"): 0,
            ("kantor_prox_apply", "map"): b"l1", ("kantor_prox_vjp", "map"): b"l1",
            **{(f"kantor_prox_{word}", "names"): (c_char_p * 1)(b"weight")
               for word in ("apply", "vjp")},
            **{(f"kantor_prox_{word}", "values"): self.weights for word in ("apply", "vjp")},
            ("kantor_settings_set_log", "level"): 1,
            ("kantor_settings_set_progress", "progress"): _abi.ProgressFunction(),
            ("kantor_settings_set_log", "log"): _abi.LogFunction(),
            ("kantor_problem_set_array", "release"): _abi.ReleaseFunction(),
            ("kantor_problem_set_array", "ownership"): 0,
            ("kantor_result_jvp", "tangents"): self.ones,
            ("kantor_result_jvp", "changes"): self.seed(),
            ("kantor_result_jvp", "tangent_names"): (c_char_p * 1)(b"q"),
            ("kantor_result_jvp", "change_names"): (c_char_p * 1)(b"objective"),
            ("kantor_result_vjp", "cotangents"): self.seed(),
            ("kantor_result_vjp", "gradients"): self.gradient(),
            ("kantor_result_vjp", "cotangent_names"): (c_char_p * 1)(b"objective"),
            ("kantor_result_vjp", "gradient_names"): (c_char_p * 1)(b"weights_source"),
        }
        if function.startswith("kantor_prox_") and bare == "kantor_array*":
            return self.start
        if (function, name) in special:
            return special[function, name]
        if bare == "char*":
            if name == "name":
                return NAMES[function]
            if "const" not in kind:
                return self.text
            texts = {"kind": b"transport", "method": b"sinkhorn", "text": TEXTS.get(function)}
            return texts[name]
        if bare.startswith("kantor_") and bare.endswith("*"):
            if bare == "kantor_sparse*":
                return self.sparse
            struct = _abi.STRUCTS[bare[:-1]]
            return self.cost if function == "kantor_problem_set_array" else (
                struct(struct_size=sizeof(struct)))
        if bare == "double*":
            return c_double(7)
        if bare == "int64_t*":
            return c_int64(7)
        if bare == "void*":
            return None
        if (function, name) == ("kantor_result_copy", "capacity"):
            return len(self.memory)
        return {"capacity": 4096, "index": 0}.get(name, 1)

    def with_functions(self, function, name):
        """Arguments of what has to do with functions of the caller."""
        return {
            ("kantor_problem_set_functions", "problem"): self.unset,
            ("kantor_problem_set_functions", "functions"): self.bundle.struct,
            ("kantor_problem_set_functions", "release"): _abi.ReleaseFunction(),
            ("kantor_problem_set_problem", "problem"): self.outer,
            # One that is sealed already: the call seals it.
            ("kantor_problem_set_problem", "part"): self.problem,
            ("kantor_problem_set_questions", "problem"): self.unset,
            ("kantor_problem_set_questions", "members"): b"value gradient",
            ("kantor_stepper_answer", "stepper"): self.asked,
            ("kantor_problem_check_derivatives", "problem"): c_void_p(self.smooth._handle.pointer),
            ("kantor_problem_check_derivatives", "x"): self.ones,
            ("kantor_problem_check_derivatives", "settings"): self.settings_of_all,
            ("kantor_bilevel_hypergradient", "problem"): c_void_p(self.nested._handle.pointer),
            ("kantor_bilevel_hypergradient", "x"): self.ones,
            ("kantor_bilevel_hypergradient", "settings"): self.settings_of_all,
        }.get((function, name))

    def seed(self):
        self.one = np.ones(1)
        return _arrays.view_of(self.one, "seed")[0]

    def gradient(self):
        return _arrays.view_of(self.memory[:2], "gradient")[0]

    def disposable(self, kind):
        pointer = c_void_p()
        if kind == "problem":
            assert lib.kantor_problem_create(b"transport", byref(pointer)) == 0
        elif kind == "settings":
            assert lib.kantor_settings_create(None, byref(pointer)) == 0
        elif kind == "stepper":
            pointer = self.stepper(self.problem)
        else:
            assert lib.kantor_solve(self.problem, None, None, byref(pointer)) == 0
        return pointer

    def call(self, function, arguments):
        passed = [byref(value) if isinstance(value, (ctypes.Structure, c_double, c_int64)) or (
            isinstance(value, c_void_p) and any(value is made for _kind, made in self.made))
            else value for value in arguments]
        answer = getattr(lib, function)(*passed)
        for kind, pointer in self.made:
            if pointer.value not in (None, 12345):
                getattr(lib, f"kantor_{kind}_free")(pointer)
        return answer
