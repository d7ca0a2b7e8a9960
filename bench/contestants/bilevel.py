"""Bilevel problems by implicit differentiation. Answers carry x as `f` and y as `g`."""

import numpy as np

from problems.answer import Answer

from . import contestant


@contestant("SciPy L-BFGS-B, implicit derivative by hand", needs="scipy", tune="")
def by_hand(task):
    """What the text books say: a tight lower solve and an adjoint system for each x."""
    from scipy.optimize import minimize

    p = task.program
    bounds = list(zip(p.low, p.high))

    def solve():
        state = {"y": p.y0, "count": 0}

        def value(x):
            state["y"] = p.solve_lower(x, state["y"], 1e-9)
            state["count"] += 1
            return p.upper(x, state["y"]), p.derivative(x, state["y"], 1e-8)

        found = minimize(
            value, p.x0, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxcor": 20, "gtol": 0.3 * task.tolerance, "ftol": 1e-15, "maxiter": 2000})
        return found.x, p.solve_lower(found.x, state["y"], 1e-9), state["count"]

    return solve, lambda raw: Answer(f=raw[0], g=raw[1], iterations=raw[2])


@contestant("JAXopt implicit differentiation", needs="jax jaxopt")
def jaxopt_implicit(task):
    """jaxopt.LBFGS differentiated implicitly, inside SciPy's L-BFGS-B."""
    import jax
    import jaxopt
    from scipy.optimize import minimize

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    p = task.program
    F, f = p.jax(jnp)
    inner = jaxopt.LBFGS(f, tol=1e-9, maxiter=2000, implicit_diff=True)
    bounds = list(zip(p.low, p.high))

    def phi(x, y):
        answer = inner.run(jax.lax.stop_gradient(y), x).params
        return F(x, answer), answer

    step = jax.jit(jax.value_and_grad(phi, has_aux=True))
    jax.block_until_ready(step(jnp.asarray(p.x0), jnp.asarray(p.y0)))  # compilation is not timed

    def solve():
        state = {"y": jnp.asarray(p.y0), "count": 0}

        def value(x):
            (found, state["y"]), slope = step(jnp.asarray(x), state["y"])
            state["count"] += 1
            return float(found), np.asarray(slope, dtype=float)

        found = minimize(
            value, p.x0, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxcor": 20, "gtol": 0.3 * task.tolerance, "ftol": 1e-15, "maxiter": 2000})
        (_, answer), _ = step(jnp.asarray(found.x), state["y"])
        return found.x, np.asarray(answer), state["count"]

    return solve, lambda raw: Answer(f=raw[0], g=raw[1], iterations=raw[2])


def kantor(method):
    def prepare(task):
        from kantor import bilevel

        p = task.program

        def solve():
            return bilevel.minimize(
                p.upper, p.lower, p.x0, p.y0, grad_upper=p.grad_upper, grad_lower=p.grad_lower,
                hvp_lower=p.hvp, cross_lower=p.cross, x_bounds=(p.low, p.high), method=method,
                tolerance=task.tolerance)

        return solve, lambda raw: Answer(f=raw.x, g=raw.y, iterations=raw.iterations)

    return prepare


contestant("Kantor bilevel implicit", needs="kantor")(kantor("implicit"))
contestant("Kantor bilevel, default", needs="kantor")(kantor(None))
