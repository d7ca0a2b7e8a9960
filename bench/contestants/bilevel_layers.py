"""Layers of quadratic programs and games. Answers carry x as `f` and z as `g`."""

import numpy as np

from problems.answer import Answer

from . import contestant


@contestant("JAXopt projected gradient, implicit differentiation", needs="jax jaxopt")
def jaxopt_layer(task):
    """jaxopt.ProjectedGradient on the simplex, differentiated implicitly, in SciPy's L-BFGS-B."""
    import jax
    import jaxopt
    from scipy.optimize import minimize

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    p = task.program
    P, chosen = jnp.asarray(p.P), jnp.asarray(p.chosen)
    def unit(z, x):
        return 0.5 * z @ P @ z - x @ z

    inner = jaxopt.ProjectedGradient(
        unit, lambda z, _: jaxopt.projection.projection_simplex(z), tol=1e-10, maxiter=20_000,
        implicit_diff=True)

    def evaluate(x, start):
        z = inner.run(jax.lax.stop_gradient(start), None, x).params
        return 0.5 * jnp.sum((z - chosen) ** 2) + 0.5 * p.weight * x @ x, z

    step = jax.jit(jax.value_and_grad(evaluate, has_aux=True))
    jax.block_until_ready(step(jnp.asarray(p.x0), jnp.asarray(p.y0)))  # compilation is not timed

    def solve():
        state = {"z": jnp.asarray(p.y0), "count": 0}

        def value(x):
            (found, state["z"]), slope = step(jnp.asarray(x), state["z"])
            state["count"] += 1
            return float(found), np.asarray(slope, dtype=float)

        found = minimize(
            value, p.x0, jac=True, method="L-BFGS-B",
            options={"maxcor": 20, "gtol": 0.3 * task.tolerance, "ftol": 1e-15, "maxiter": 2000})
        (_, z), _ = step(jnp.asarray(found.x), state["z"])
        return found.x, np.asarray(z), state["count"]

    return solve, lambda raw: Answer(f=raw[0], g=raw[1], iterations=raw[2])


@contestant("Kantor nested, cone", needs="kantor")
def nested(task):
    import kantor
    from kantor import bilevel

    p = task.program
    n = len(p.x0)

    def solve():
        lower = kantor.Subproblem(
            kantor.Problem(
                "cone", P=p.P, q=np.zeros(n), A=np.vstack([np.ones(n), -np.eye(n)]),
                b=np.r_[1.0, np.zeros(n)], cones=f"zero 1, nonnegative {n}"), "active_set")
        return bilevel.nested(
            p.upper, lower, p.x0, depends={"q": -np.eye(n)}, answer="x", answer_shape=(n,),
            grad_upper=p.grad_upper, tolerance=task.tolerance)

    return solve, lambda raw: Answer(f=raw.x, g=raw.answer, iterations=raw.iterations)


@contestant("Kantor nested, game", needs="kantor")
def nested_game(task):
    import kantor
    from kantor import bilevel

    p = task.program
    n = len(p.x0)
    now, unit = np.zeros(n), np.eye(n)
    slope = np.diag(1 + p.d) + 1

    def tell(x):
        now[:] = x
        return x

    def solve():
        game = kantor.Problem(
            "game", start=p.y0, players=1.0, prox="nonnegative", parameters=p.x0,
            functions=kantor.Functions(
                n, n, parameters=n, map=lambda z: p.losses(now, z), jacobian=lambda z: slope,
                parameter_jacobian=lambda z: unit))
        return bilevel.nested(
            p.upper, game, p.x0, depends={"parameters": (tell, lambda x, w: w)}, answer="x",
            answer_shape=(n,), grad_upper=p.grad_upper, tolerance=task.tolerance)

    return solve, lambda raw: Answer(f=raw.x, g=raw.answer, iterations=raw.iterations)
