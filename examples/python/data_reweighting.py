"""Finds out which sources of data serve a task: python data_reweighting.py

Samples come from several sources, weighted by softmax(p) of one number for each source; the lower
level fits a linear model to all of them, the upper level judges it on a few samples of the task and
chooses p. Both are asked for in random batches (`f2sa`), as with large models; `implicit` on the
whole sums shows where that leads to.
"""

import numpy as np

import kantor

SOURCES, EACH, CLEAN, FEATURES, RIDGE = 5, 200, 100, 8, 1e-2


def data(seed=0):
    """Draw samples: sources 0 and 1 follow the task, the others have labels of other rules."""
    random = np.random.default_rng(seed)
    truth = random.standard_normal(FEATURES)
    rules = [truth, truth] + [random.standard_normal(FEATURES) for _ in range(SOURCES - 2)]
    X = random.standard_normal((SOURCES * EACH, FEATURES))
    source = np.repeat(np.arange(SOURCES), EACH)
    t = np.einsum("ij,ij->i", X, np.array(rules)[source])
    t += 0.3 * random.standard_normal(len(t))
    V = random.standard_normal((CLEAN, FEATURES))
    return X, t, source, V, V @ truth + 0.3 * random.standard_normal(CLEAN)


def softmax(p):
    """Give positive weights with the sum 1."""
    e = np.exp(p - p.max())
    return e / e.sum()


def levels(X, t, source, V, v):
    """Make the functions of both levels over (p, y), of whole sums and of batches."""
    def lower(w, batch=slice(None)):
        share, y = softmax(w[:SOURCES]), w[SOURCES:]
        error = X[batch] @ y - t[batch]
        return float(0.5 * SOURCES * np.mean(share[source[batch]] * error ** 2)
                     + 0.5 * RIDGE * y @ y)

    def grad_lower(w, batch=slice(None)):
        share, y = softmax(w[:SOURCES]), w[SOURCES:]
        error, of = X[batch] @ y - t[batch], source[batch]
        scale = SOURCES / len(error)
        by_source = 0.5 * scale * np.bincount(of, error ** 2, SOURCES)
        return np.concatenate([
            share * (by_source - share @ by_source),
            scale * X[batch].T @ (share[of] * error) + RIDGE * y])

    def upper(w, batch=slice(None)):
        return float(0.5 * np.mean((V[batch] @ w[SOURCES:] - v[batch]) ** 2))

    def grad_upper(w, batch=slice(None)):
        error = V[batch] @ w[SOURCES:] - v[batch]
        return np.concatenate([np.zeros(SOURCES), V[batch].T @ error / len(error)])

    return tuple(
        kantor.Functions(SOURCES + FEATURES, value=f, gradient=g, batch_value=f, batch_gradient=g)
        for f, g in [(upper, grad_upper), (lower, grad_lower)])


def problem(seed=0):
    """Make the bilevel problem; p between -5 and 5."""
    upper, lower = levels(*data(seed))
    return kantor.Problem(
        "bilevel", upper=upper, lower=lower, start_x=np.zeros(SOURCES), start_y=np.zeros(FEATURES),
        x_lower=np.full(SOURCES, -5.0), x_upper=np.full(SOURCES, 5.0),
        upper_components=CLEAN, lower_components=SOURCES * EACH)


def main() -> None:
    """Show the weights that come out, and the loss on the task."""
    for name, method, options in [
        ("f2sa, batches", "f2sa", {"max_iterations": 1500}),
        ("implicit", "implicit", {}),
    ]:
        result = kantor.solve(problem(), method, **options)
        weights = " ".join(f"{share:.2f}" for share in softmax(result.x))
        print(f"{name:15} loss {result.objective:.4f}  weights of the sources {weights}")


if __name__ == "__main__":
    main()
