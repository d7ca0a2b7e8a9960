"""Steppers: a solve that asks instead of calling."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import kantor

ROTATION = np.array([[1.0, 2.0], [-2.0, 1.0]])
SHIFT = np.array([3.0, -1.0])


def field(x):
    return ROTATION @ x - SHIFT


def asking(members=("map",), **fields):
    return kantor.Problem(
        "inclusion", functions=kantor.Questions(members, n=2, m=2), start=[3.0, 4.0], **fields
    )


def drive(stepper, f=field):
    for question in stepper:
        question.answer(f(question.x))
    return stepper.result


@pytest.mark.parametrize("method", ["fast_extragradient", "extragradient", "golden_ratio"])
def test_same_answer_as_calls(method):
    called = kantor.solve(
        kantor.Problem(
            "inclusion", functions=kantor.Functions(2, 2, map=field), start=[3.0, 4.0]
        ),
        method,
    )
    result = drive(kantor.Stepper(asking(), method))
    assert result.status == called.status == "solved"
    assert np.array_equal(result.x, called.x)
    assert np.allclose(result.x, [1, 1], atol=1e-5)
    assert result.iterations == called.iterations


def test_questions_tell_what_they_ask():
    stepper = kantor.Stepper(asking())
    question = next(stepper)
    assert (question.field, question.member) == ("functions", "map")
    assert question.x.shape == (2,) and question.v is None and question.indices is None
    stepper.close()


def test_turns():
    stepper = kantor.Stepper(asking())
    question = next(stepper)
    with pytest.raises(kantor.StateError, match="waits for the answer"):
        next(stepper)
    with pytest.raises(kantor.StateError, match="has not ended"):
        stepper.result
    with pytest.raises(kantor.InvalidShapeError, match="3 numbers; 2 are needed"):
        question.answer([1, 2, 3])
    question.answer(field(question.x))
    with pytest.raises(kantor.StateError, match="no open question"):
        question.answer(field(question.x))
    assert drive(stepper).status == "solved"
    assert next(stepper, None) is None
    assert stepper.result is stepper.result


def test_not_defined_at_the_start():
    stepper = kantor.Stepper(asking())
    next(stepper).answer(None)
    for question in stepper:
        question.answer(None)
    assert stepper.result.status == "callback_error"


def test_left_half_way():
    before = threading.active_count()
    for moment in range(4):
        stepper = kantor.Stepper(asking())
        for _ in range(moment):
            question = next(stepper)
            question.answer(field(question.x))
        if moment % 2:
            next(stepper)
        del stepper
    gc.collect()
    assert threading.active_count() == before


def test_context():
    with kantor.Stepper(asking()) as stepper:
        next(stepper)
    with pytest.raises(kantor.KantorError):
        next(stepper)


def test_solve_has_nobody_to_ask():
    result = kantor.solve(asking())
    assert result.status == "stopped_by_callback"


def test_limits_hold():
    stepper = kantor.Stepper(asking(), "extragradient", tolerance=1e-12, max_evaluations=7)
    result = drive(stepper)
    assert result.status == "evaluation_limit"


def test_several_at_a_time():
    steppers = [kantor.Stepper(asking()) for _ in range(5)]
    open_ones = list(steppers)
    while open_ones:
        for stepper in list(open_ones):
            question = next(stepper, None)
            if question is None:
                open_ones.remove(stepper)
            else:
                question.answer(field(question.x))
    assert {stepper.result.status for stepper in steppers} == {"solved"}


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: kantor.Stepper("inclusion"), kantor.InvalidTypeError),
        (lambda: kantor.Stepper(asking(), "no such method"), kantor.UnknownNameError),
        (lambda: kantor.Stepper(asking(), "extragradient", max_iterations=-3), kantor.KantorError),
        (lambda: kantor.Stepper(kantor.Problem("inclusion")), kantor.KantorError),
        (lambda: asking(members=["mapp"]), kantor.UnknownNameError),
        (lambda: asking(members=[]), kantor.KantorError),
        (lambda: asking(members=["hessian"]), kantor.UnsupportedError),
    ],
)
def test_bad_input(make, error):
    with pytest.raises(error):
        make()
