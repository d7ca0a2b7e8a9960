"""Three studies of the sketched Newton method: residual against operations.

usage: sketched_studies.py [PICTURE]

Equality-constrained problems of Tests/collections, logistic regression on a sphere with data of
scikit-learn (where it is installed), and control of a heat equation; the picture of
docs/methods/sketched_newton.md.
"""

import sys
from pathlib import Path

import numpy as np
from scipy import sparse

import kantor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "problems"))
import text as text_problems  # noqa: E402

INNER = ("direct", "minres", "kaczmarz", "gauss", "count")


def text(problem):
    """Second derivatives are differences of gradients."""
    value, gradient, rows, jacobian = problem.functions()
    functions = kantor.Functions(
        problem.size, len(problem.rows), value=value, gradient=gradient, map=rows,
        jacobian=jacobian)
    side = np.array(problem.row_lower)
    return kantor.Problem(
        "nonlinear", functions=functions, start=problem.start, constraint_lower=side,
        constraint_upper=side)


def logistic(data, signs, seed=0):
    """Mean log loss with ten linear equations and |x| = 1."""
    count, n = data.shape
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(10, n)) / np.sqrt(n)
    b = A @ (rng.normal(size=n) / n)

    def weights(x):
        return 1 / (1 + np.exp(signs * (data @ x)))

    functions = kantor.Functions(
        n, 11,
        value=lambda x: np.mean(np.logaddexp(0, -signs * (data @ x))),
        gradient=lambda x: -data.T @ (signs * weights(x)) / count,
        map=lambda x: np.append(A @ x - b, x @ x - 1),
        jacobian=lambda x: np.vstack([A, 2 * x]),
        hessian=lambda x, s, y: s * (data.T * (weights(x) * (1 - weights(x)))) @ data / count
        + 2 * y[10] * np.eye(n))
    return kantor.Problem(
        "nonlinear", functions=functions, start=np.ones(n) / np.sqrt(n),
        constraint_lower=np.zeros(11), constraint_upper=np.zeros(11))


def control(size):
    """min |w - w*|^2 / 2 + 0.05 |z|^2 subject to the Laplacian of w plus z being 0."""
    count = size * size
    h = 2 / (size + 1)
    line = sparse.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(size, size)) / h**2
    eye = sparse.eye_array(size)
    A = sparse.coo_array(sparse.hstack(
        [sparse.kron(line, eye) + sparse.kron(eye, line), sparse.eye_array(count)]))
    i = np.arange(1, size + 1) - (size + 1) / 2
    step = 0.1 / np.sqrt(15)
    target = (np.sin(4 + step * i)[:, None] + np.cos(3 + step * i)).ravel()
    matrix = A.tocsr()
    weight = np.repeat([1.0, 0.1], count)
    centre = np.append(target, np.zeros(count))
    functions = kantor.Functions(
        2 * count, count, jacobian_values=A.nnz, hessian_values=2 * count,
        value=lambda x: 0.5 * (x - centre) @ (weight * (x - centre)),
        gradient=lambda x: weight * (x - centre),
        map=lambda x: matrix @ x, jacobian=lambda x: A.data,
        hessian=lambda x, s, y: s * weight)
    return kantor.Problem(
        "nonlinear", functions=functions, start=np.zeros(2 * count),
        constraint_lower=np.zeros(count), constraint_upper=np.zeros(count), jacobian_pattern=A,
        hessian_pattern=sparse.coo_array(sparse.eye_array(2 * count)))


def solve(problem, inner):
    return kantor.solve(
        problem, "sketched_newton", inner=inner, tolerance=1e-4, max_inner=100_000,
        max_iterations=60)


def collection():
    chosen = [p for p in text_problems.load().values() if p.is_equality_only]
    print(f"{len(chosen)} equality-constrained problems, to 1e-4: solved, median steps")
    for inner in INNER:
        results = [solve(text(p), inner) for p in chosen]
        solved = [r for r in results if r.status == "solved"]
        steps = np.median([r.iterations for r in solved])
        inside = np.median([r.inner_steps for r in solved])
        print(f"  {inner:9s} {len(solved):3d}  {steps:4.0f} outer {inside:8.0f} inner")


def study(title, problem):
    print(title)
    courses = {}
    for inner in INNER:
        result = solve(problem, inner)
        courses[inner] = (np.array(result.flops_course), np.array(result.residual_course))
        print(f"  {inner:9s} {result.status:7s} f {result.objective:.6f}  {result.iterations:3d} "
              f"outer  {result.flops:.2e} operations  {result.fallbacks} fallbacks")
    return title, courses


def draw(name, studies):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(studies), figsize=(4 * len(studies), 3.4), layout="constrained")
    for panel, (title, courses) in zip(np.atleast_1d(axes), studies):
        for inner, (flops, residual) in courses.items():
            panel.loglog(np.maximum(flops, 1), residual, ".-", label=inner)
        panel.set(title=title, xlabel="operations with K", ylabel="|(L', c - b)|")
        panel.legend(frameon=False)
    figure.savefig(name, dpi=100)


collection()
studies = [study("control, 3 x 3 grid", control(3))]
try:
    from sklearn.datasets import load_breast_cancer

    data, labels = load_breast_cancer(return_X_y=True)
    data = (data - data.mean(0)) / data.std(0)
    studies.append(study("logistic regression on a sphere", logistic(data, 2.0 * labels - 1)))
except ImportError:
    print("scikit-learn is not installed: no logistic regression")
if len(sys.argv) > 1:
    draw(sys.argv[1], studies)
