"""The C interface as ctypes sees it: structs, callback types and prototypes.

This file restates ``include/kantor.h``; ``tests/test_prototypes.py`` compares the two. Handles
and untyped pointers are ``c_void_p``; so are the struct pointers of callbacks, which are read
with ``from_address`` because that is cheaper than a typed pointer.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p

ABI_VERSION = 0
VERSION_NUMBER = 100

F64, F32, I64, I32, U8 = 1, 2, 3, 4, 5
COPY, BORROW = 0, 1
REAL, INT, FLAG, TEXT, ARRAY, SPARSE, FUNCTIONS, PROBLEM = 1, 2, 3, 4, 5, 6, 7, 8
CSC, CSR, COO = 1, 2, 3
LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG = 1, 2, 3, 4

OK = 0
E_NULL = -1
E_HANDLE = -2
E_BUSY = -3
E_STATE = -4
E_NAME = -5
E_TYPE = -6
E_RANGE = -7
E_SHAPE = -8
E_LAYOUT = -9
E_NOT_FINITE = -10
E_MISSING = -11
E_UNSUPPORTED = -12
E_TOO_LARGE = -13
E_OUT_OF_MEMORY = -14
E_FORMAT = -15
E_VERSION = -16
E_BUFFER = -17
E_INTERNAL = -99

SOLVED = 1
SOLVED_INACCURATE = 2
INFEASIBLE = 3
UNBOUNDED = 4
STALLED = 5
ITERATION_LIMIT = 6
TIME_LIMIT = 7
CANCELLED = 8
CALLBACK_ERROR = 9
NUMERICAL_ERROR = 10
LOCALLY_INFEASIBLE = 11
EVALUATION_LIMIT = 12
STOPPED_BY_CALLBACK = 13


class Array(ctypes.Structure):
    """``kantor_array``: a view of up to four dimensions, strides in elements."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("dtype", c_int32),
        ("ndim", c_int32),
        ("data", c_void_p),
        ("shape", c_int64 * 4),
        ("stride", c_int64 * 4),
    ]


class Sparse(ctypes.Structure):
    """``kantor_sparse``: a sparse matrix, indices from 0."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("format", c_int32),
        ("reserved", c_int32),
        ("rows", c_int64),
        ("columns", c_int64),
        ("values", POINTER(Array)),
        ("indices", POINTER(Array)),
        ("offsets", POINTER(Array)),
    ]


class MethodInfo(ctypes.Structure):
    """``kantor_method_info``."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("kind", c_char_p),
        ("summary", c_char_p),
        ("source", c_char_p),
        ("guarantee", c_char_p),
        ("option_count", c_int64),
        ("output_count", c_int64),
        ("uses_warm_start", c_int32),
        ("has_derivatives", c_int32),
    ]


class OptionInfo(ctypes.Structure):
    """``kantor_option_info``."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("type", c_int32),
        ("is_advanced", c_int32),
        ("default_number", c_double),
        ("min", c_double),
        ("max", c_double),
        ("default_text", c_char_p),
        ("choices", c_char_p),
        ("unit", c_char_p),
        ("doc", c_char_p),
    ]


class FieldInfo(ctypes.Structure):
    """``kantor_field_info``."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("type", c_int32),
        ("is_certificate", c_int32),
        ("shape", c_char_p),
        ("choices", c_char_p),
        ("unit", c_char_p),
        ("doc", c_char_p),
    ]


class QP(ctypes.Structure):
    """``kantor_qp``: a dense quadratic program."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("n", c_int64),
        ("m", c_int64),
        ("p", c_void_p),
        ("q", c_void_p),
        ("a", c_void_p),
        ("row_lower", c_void_p),
        ("row_upper", c_void_p),
        ("lower", c_void_p),
        ("upper", c_void_p),
    ]


class QPAnswer(ctypes.Structure):
    """``kantor_qp_answer``."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("x", c_void_p),
        ("y", c_void_p),
        ("active", c_void_p),
        ("objective", c_double),
        ("primal_residual", c_double),
        ("dual_residual", c_double),
        ("gap", c_double),
        ("radius", c_double),
        ("iterations", c_int64),
    ]


class ProgressInfo(ctypes.Structure):
    """``kantor_progress``."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("iteration", c_int64),
        ("seconds", c_double),
        ("objective", c_double),
        ("residual", c_double),
        ("gap", c_double),
        ("is_heartbeat", c_int32),
    ]


ReleaseFunction = CFUNCTYPE(None, c_void_p)
ProgressFunction = CFUNCTYPE(c_int32, c_void_p, c_void_p)
# The text is an address, not c_char_p: it is read with its length.
LogFunction = CFUNCTYPE(None, c_int32, c_void_p, c_int64, c_void_p)

_p = c_void_p
VectorFunction = CFUNCTYPE(c_int32, _p, _p, _p)
ValueGradientFunction = CFUNCTYPE(c_int32, _p, _p, _p, _p)
ProductFunction = CFUNCTYPE(c_int32, _p, _p, _p, _p)
HessianFunction = CFUNCTYPE(c_int32, _p, c_double, _p, _p, _p)
HessianProductFunction = CFUNCTYPE(c_int32, _p, c_double, _p, _p, _p, _p)
ComplexFunction = CFUNCTYPE(c_int32, _p, _p, _p, _p, _p)
BatchFunction = CFUNCTYPE(c_int32, _p, _p, c_int64, _p, _p)
BatchProductFunction = CFUNCTYPE(c_int32, _p, _p, c_int64, _p, _p, _p)
ProxFunction = CFUNCTYPE(c_int32, _p, c_double, _p, _p)

CALLBACKS = {
    "kantor_release_fn": ReleaseFunction,
    "kantor_progress_fn": ProgressFunction,
    "kantor_log_fn": LogFunction,
    "kantor_value_fn": VectorFunction,
    "kantor_vector_fn": VectorFunction,
    "kantor_value_gradient_fn": ValueGradientFunction,
    "kantor_product_fn": ProductFunction,
    "kantor_hessian_fn": HessianFunction,
    "kantor_hessian_product_fn": HessianProductFunction,
    "kantor_complex_fn": ComplexFunction,
    "kantor_batch_fn": BatchFunction,
    "kantor_batch_product_fn": BatchProductFunction,
    "kantor_prox_fn": ProxFunction,
}


class Functions(ctypes.Structure):
    """``kantor_functions``: functions of the caller, NULL where there is none."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("user", c_void_p),
        ("value", VectorFunction),
        ("gradient", VectorFunction),
        ("value_gradient", ValueGradientFunction),
        ("map", VectorFunction),
        ("jacobian", VectorFunction),
        ("jacobian_product", ProductFunction),
        ("jacobian_transpose_product", ProductFunction),
        ("hessian", HessianFunction),
        ("hessian_product", HessianProductFunction),
        ("value_complex", ComplexFunction),
        ("map_complex", ComplexFunction),
        ("batch_value", BatchFunction),
        ("batch_gradient", BatchFunction),
        ("batch_map", BatchFunction),
        ("batch_hessian_product", BatchProductFunction),
        ("prox", ProxFunction),
        ("parameter_gradient", HessianFunction),
        ("parameter_jacobian", VectorFunction),
        ("parameter_value", VectorFunction),
    ]


class Question(ctypes.Structure):
    """``kantor_question``: a value that a stepper asks for."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("field", c_char_p),
        ("member", c_char_p),
        ("x", c_void_p),
        ("v", c_void_p),
        ("y", c_void_p),
        ("indices", c_void_p),
        ("count", c_int64),
        ("sigma", c_double),
        ("step", c_double),
        ("out", c_void_p),
        ("out_second", c_void_p),
    ]


STRUCTS = {
    "kantor_question": Question,
    "kantor_functions": Functions,
    "kantor_array": Array,
    "kantor_sparse": Sparse,
    "kantor_method_info": MethodInfo,
    "kantor_option_info": OptionInfo,
    "kantor_field_info": FieldInfo,
    "kantor_progress": ProgressInfo,
    "kantor_qp": QP,
    "kantor_qp_answer": QPAnswer,
}

_handle = c_void_p
_handle_out = POINTER(c_void_p)
_text = c_char_p
_texts = POINTER(c_char_p)
_array = POINTER(Array)
_sparse = POINTER(Sparse)
_real_out = POINTER(c_double)
_codes_out = POINTER(c_int32)
_int_out = POINTER(c_int64)
_numbers = c_void_p  # const double *, double *, int64_t *: addresses of caller's memory
_memory = c_void_p  # char *: caller's memory

PROTOTYPES = {
    # library.h
    "kantor_version": (_text, ()),
    "kantor_version_number": (c_int32, ()),
    "kantor_abi_version": (c_int32, ()),
    "kantor_build_info": (_text, ()),
    "kantor_describe": (_text, ()),
    "kantor_code_name": (_text, (c_int32,)),
    "kantor_last_error": (_text, ()),
    "kantor_kind_count": (c_int64, ()),
    "kantor_kind_name": (_text, (c_int64,)),
    "kantor_method_count": (c_int64, ()),
    "kantor_method_describe": (c_int32, (c_int64, POINTER(MethodInfo))),
    "kantor_option_describe": (c_int32, (_text, c_int64, POINTER(OptionInfo))),
    "kantor_problem_field_count": (c_int64, (_text,)),
    "kantor_problem_field_describe": (c_int32, (_text, c_int64, POINTER(FieldInfo))),
    "kantor_output_describe": (c_int32, (_text, c_int64, POINTER(FieldInfo))),
    # prox.h
    "kantor_prox_apply": (
        c_int32,
        (_text, c_int64, _texts, POINTER(c_void_p), _array, c_double, _array, _numbers),
    ),
    "kantor_prox_vjp": (
        c_int32,
        (_text, c_int64, _texts, POINTER(c_void_p), _array, c_double, _array, _array),
    ),
    # problem.h
    "kantor_problem_create": (c_int32, (_text, _handle_out)),
    "kantor_problem_copy": (c_int32, (_handle, _handle_out)),
    "kantor_problem_check_derivatives": (
        c_int32, (_handle, _array, _handle, _handle_out)
    ),
    "kantor_problem_seal": (c_int32, (_handle,)),
    "kantor_problem_free": (None, (_handle,)),
    "kantor_problem_method": (c_int32, (_handle, _memory, c_int64)),
    "kantor_problem_set_problem": (c_int32, (_handle, _text, _handle, _text, _handle)),
    "kantor_problem_set_questions": (c_int32, (_handle, _text, _text)),
    "kantor_problem_set_real": (c_int32, (_handle, _text, c_double)),
    "kantor_problem_set_functions": (
        c_int32, (_handle, _text, POINTER(Functions), ReleaseFunction, c_void_p)
    ),
    "kantor_problem_set_int": (c_int32, (_handle, _text, c_int64)),
    "kantor_problem_set_sparse": (c_int32, (_handle, _text, _sparse)),
    "kantor_problem_set_text": (c_int32, (_handle, _text, _text)),
    "kantor_problem_set_array": (
        c_int32,
        (_handle, _text, _array, c_int32, ReleaseFunction, c_void_p),
    ),
    "kantor_problem_get_array": (c_int32, (_handle, _text, _array)),
    # settings.h
    "kantor_settings_create": (c_int32, (_text, _handle_out)),
    "kantor_settings_copy": (c_int32, (_handle, _handle_out)),
    "kantor_settings_free": (None, (_handle,)),
    "kantor_settings_set_real": (c_int32, (_handle, _text, c_double)),
    "kantor_settings_set_int": (c_int32, (_handle, _text, c_int64)),
    "kantor_settings_set_flag": (c_int32, (_handle, _text, c_int32)),
    "kantor_settings_set_text": (c_int32, (_handle, _text, _text)),
    "kantor_settings_set_parse": (c_int32, (_handle, _text, _text)),
    "kantor_settings_get_real": (c_int32, (_handle, _text, _real_out)),
    "kantor_settings_get_int": (c_int32, (_handle, _text, _int_out)),
    "kantor_settings_get_text": (c_int32, (_handle, _text, _memory, c_int64)),
    "kantor_settings_reset": (c_int32, (_handle, _text)),
    "kantor_settings_set_progress": (c_int32, (_handle, ProgressFunction, c_void_p)),
    "kantor_settings_set_log": (c_int32, (_handle, c_int32, LogFunction, c_void_p)),
    "kantor_settings_warm_start": (c_int32, (_handle, _handle)),
    "kantor_settings_set_start": (c_int32, (_handle, _text, _array)),
    "kantor_settings_cancel": (c_int32, (_handle,)),
    "kantor_settings_uncancel": (c_int32, (_handle,)),
    # solve.h
    "kantor_solve": (c_int32, (_handle, _text, _handle, _handle_out)),
    "kantor_solve_batch": (
        c_int32, (_handle_out, c_int64, _text, _handle, _handle_out, _codes_out)
    ),
    # stepper.h
    "kantor_stepper_create": (c_int32, (_handle, _text, _handle, _handle_out)),
    "kantor_stepper_next": (c_int32, (_handle, POINTER(Question))),
    "kantor_stepper_answer": (c_int32, (_handle, c_int32)),
    "kantor_stepper_result": (c_int32, (_handle, _handle_out)),
    "kantor_stepper_free": (None, (_handle,)),
    # result.h
    "kantor_result_free": (None, (_handle,)),
    "kantor_result_status": (c_int32, (_handle,)),
    "kantor_result_real": (c_int32, (_handle, _text, _real_out)),
    "kantor_result_int": (c_int32, (_handle, _text, _int_out)),
    "kantor_result_text": (c_int32, (_handle, _text, _memory, c_int64)),
    "kantor_result_array": (c_int32, (_handle, _text, _array)),
    "kantor_result_copy": (c_int32, (_handle, _text, _numbers, c_int64)),
    "kantor_result_field_count": (c_int64, (_handle,)),
    "kantor_result_field_describe": (c_int32, (_handle, c_int64, POINTER(FieldInfo))),
    "kantor_result_save": (c_int32, (_handle, c_void_p, c_int64, _int_out)),
    "kantor_result_load": (c_int32, (c_void_p, c_int64, _handle_out)),
    "kantor_result_jvp": (c_int32, (_handle, c_int64, _texts, _array, c_int64, _texts, _array)),
    "kantor_result_vjp": (c_int32, (_handle, c_int64, _texts, _array, c_int64, _texts, _array)),
    # bilevel.h
    "kantor_bilevel_hypergradient": (c_int32, (_handle, _array, _handle, _handle_out)),
    # cone.h
    "kantor_cone_bound": (c_int32, (_handle, _array, _array, _array, _array, _real_out)),
    "kantor_qp_dense": (c_int32, (POINTER(QP), POINTER(QPAnswer), _numbers, c_int64)),
    "kantor_qp_workspace": (c_int64, (c_int64, c_int64)),
    # transport.h
    "kantor_transport_exact": (
        c_int32,
        (
            c_int64, c_int64, _numbers, _numbers, _numbers, _numbers, _numbers, _numbers,
            c_int64, _numbers, _numbers, _numbers, _numbers,
        ),
    ),
}


def declare(library: ctypes.CDLL) -> None:
    """Give every function of the table its types.

    Parameters
    ----------
    library : ctypes.CDLL
        The loaded library.

    Raises
    ------
    AttributeError
        The library lacks a function of the table.
    """
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
