"""Variational inequalities: methods of the library, and the textbook forms in NumPy.

All of them call the same Python function and stop at the same residual, which they compute as the
check does.
"""

import inspect

import numpy as np

from problems.answer import Answer

from . import contestant

MOST = 200_000


class Counted:
    """The operator, its projection, and how often F was called."""

    def __init__(self, task):
        self.F, project = task.extra["operator"], task.extra["project"]
        # A norm's map depends on the step, a projection does not.
        takes_step = len(inspect.signature(project).parameters) > 1
        self.P = project if takes_step else lambda z, step=1.0: project(z)
        self.start, self.calls = task.extra["start"], 0
        self.target = task.tolerance * (1 + np.linalg.norm(self.F(self.start)))

    def __call__(self, z):
        self.calls += 1
        return self.F(z)

    def is_solved(self, z, f):
        return np.linalg.norm(z - self.P(z - f)) <= self.target


def entered(iterate):
    """A contestant from a function of the counted operator and the task."""

    def prepare(task):
        def solve():
            counted = Counted(task)
            return iterate(counted, task), counted.calls

        return solve, lambda raw: Answer(f=raw[0], iterations=raw[1])

    return prepare


def extragradient(F, task):
    """With the step 0.7/L where L is known; else by halving and growing."""
    z, known = F.start, task.extra["lipschitz"]
    f = F(z)
    step = 0.7 / known if known else 1.0
    for _ in range(MOST):
        if F.is_solved(z, f):
            break
        while True:
            u = F.P(z - step * f, step)
            g = F(u)
            if known or step * np.linalg.norm(f - g) <= 0.9 * np.linalg.norm(z - u):
                break
            step *= 0.7
        z = F.P(z - step * g, step)
        f = F(z)
        if not known:
            step *= 1.05
    return z


def golden_ratio(F, task):
    phi, z = 1.5, F.start
    f = F(z)
    mean, step, theta = z, 1e-2 if task.extra["lipschitz"] is None else (
        0.75 / task.extra["lipschitz"]), 1.0
    old, old_f = z, f
    for k in range(MOST):
        if F.is_solved(z, f):
            break
        before, moved = step, np.linalg.norm(z - old)
        step = (1 / phi + 1 / phi**2) * before
        if moved > 0 and k > 0:
            step = min(step, phi * theta / (4 * before) * (moved / np.linalg.norm(f - old_f)) ** 2)
        theta = phi * step / before
        mean = ((phi - 1) * z + mean) / phi
        old, old_f = z, f
        z = F.P(mean - step * f, step)
        f = F(z)
    return z


def jaxopt_anderson(task):
    """The fixed point of x -> P(x - t F(x)), F and P called from JAX."""
    import jax
    import jax.numpy as jnp
    from jaxopt import AndersonAcceleration

    jax.config.update("jax_enable_x64", True)
    F = Counted(task)
    known = task.extra["lipschitz"]
    start = F.start
    f = F(start)
    near = start - 1e-4 * f / np.linalg.norm(f)
    step = 0.75 / (known or np.linalg.norm(F(near) - f) / np.linalg.norm(near - start))
    shape = jax.ShapeDtypeStruct(start.shape, np.float64)

    def moved(x):
        x = np.asarray(x, dtype=float)
        return F.P(x - step * F(x), step)

    fixed = AndersonAcceleration(
        lambda x: jax.pure_callback(moved, shape, x), history_size=10, maxiter=MOST // 10,
        tol=step * F.target, implicit_diff=False)

    def solve():
        F.calls = 0
        return np.asarray(fixed.run(jnp.asarray(start)).params), F.calls

    return solve, lambda raw: Answer(f=raw[0], iterations=raw[1])


contestant("JAXopt AndersonAcceleration", needs="jaxopt")(jaxopt_anderson)
contestant("NumPy extragradient")(entered(extragradient))
contestant("NumPy golden ratio")(entered(golden_ratio))


def kantor_method(method, **options):
    def prepare(task):
        import kantor.vi

        extra = task.extra

        def solve():
            return kantor.vi.solve(
                extra["operator"], extra["start"], lipschitz=extra["lipschitz"], method=method,
                tolerance=task.tolerance, max_iterations=MOST, **extra["prox"], **options)

        return solve, lambda raw: Answer(f=raw.x, iterations=int(raw["evaluations"]))

    return prepare


contestant("Kantor vi (default)")(kantor_method(None))
for name in ("fast_extragradient", "extragradient", "past_extragradient",
             "forward_reflected_backward", "golden_ratio"):
    contestant(f"Kantor vi, {name}")(kantor_method(name, acceleration="none"))
for name in ("fast_extragradient", "extragradient", "past_extragradient",
             "forward_reflected_backward"):
    contestant(f"Kantor vi, {name} with anderson")(kantor_method(name, acceleration="anderson"))
