"""Finds wrong labels by what they do to a validation set: python data_cleaning.py

The lower level trains a linear classifier of digits on 600 samples with weights, 45 % of whose
labels are wrong; the upper level chooses the weights so that the classifier does well on 400 clean
samples. Here both levels are sums over samples, asked for in random batches (`f2sa`), and as whole
functions without second derivatives; `implicit` has the second derivatives.
"""

import numpy as np

import kantor

TRAIN, CLEAN, CLASSES, RIDGE = 600, 400, 10, 0.005


def data():
    """Draw the samples, training labels of which half are replaced, and the test set."""
    from sklearn.datasets import load_digits

    X, t = load_digits(return_X_y=True)
    random = np.random.RandomState(0)
    order = random.permutation(len(X))
    X, t = X[order] / 16, t[order]
    labels = t[:TRAIN].copy()
    wrong = random.rand(TRAIN) < 0.5
    labels[wrong] = random.randint(0, CLASSES, wrong.sum())
    return X, t, labels


def softmax(Z):
    """Give probabilities and their logarithms, by rows."""
    Z = Z - Z.max(1, keepdims=True)
    E = np.exp(Z)
    total = E.sum(1, keepdims=True)
    return E / total, Z - np.log(total)


def split(w):
    """Take the joined vector apart: logits of the weights, and the classifier."""
    return w[:TRAIN], w[TRAIN:].reshape(-1, CLASSES)


def levels(X, t, labels):
    """Make the functions of both levels, of whole sums and of batches."""
    A, B = X[:TRAIN], X[TRAIN:TRAIN + CLEAN]
    Y, V = np.eye(CLASSES)[labels], np.eye(CLASSES)[t[TRAIN:TRAIN + CLEAN]]

    def upper(w, batch=slice(None)):
        logs = softmax(B[batch] @ split(w)[1])[1]
        return float(-(V[batch] * logs).sum(1).mean())

    def grad_upper(w, batch=slice(None)):
        P = softmax(B[batch] @ split(w)[1])[0]
        return np.concatenate([np.zeros(TRAIN), (B[batch].T @ (P - V[batch])).ravel() / len(P)])

    def lower(w, batch=slice(None)):
        x, W = split(w)
        weight = 1 / (1 + np.exp(-x[batch]))
        logs = softmax(A[batch] @ W)[1]
        return float(-(weight * (Y[batch] * logs).sum(1)).mean() + RIDGE * (W * W).sum())

    def grad_lower(w, batch=slice(None)):
        x, W = split(w)
        weight = 1 / (1 + np.exp(-x[batch]))
        P, logs = softmax(A[batch] @ W)
        of_x = np.zeros(TRAIN)
        np.add.at(
            of_x, np.arange(TRAIN)[batch] if isinstance(batch, slice) else batch,
            -weight * (1 - weight) * (Y[batch] * logs).sum(1) / len(P))
        of_W = A[batch].T @ (weight[:, None] * (P - Y[batch])) / len(P) + 2 * RIDGE * W
        return np.concatenate([of_x, of_W.ravel()])

    n = TRAIN + X.shape[1] * CLASSES
    return tuple(
        kantor.Functions(n, value=f, gradient=g, batch_value=f, batch_gradient=g)
        for f, g in [(upper, grad_upper), (lower, grad_lower)])


def main() -> None:
    """Compare methods by validation loss, test accuracy and the labels they keep."""
    X, t, labels = data()
    upper, lower = levels(X, t, labels)
    problem = kantor.Problem(
        "bilevel", upper=upper, lower=lower, start_x=np.zeros(TRAIN),
        start_y=np.zeros(X.shape[1] * CLASSES), x_lower=np.full(TRAIN, -4.0),
        x_upper=np.full(TRAIN, 4.0), upper_components=CLEAN, lower_components=TRAIN)
    clean = labels == t[:TRAIN]
    print(f"{clean.sum()} of {TRAIN} labels are right")
    print("method           F        accuracy  F1 of kept  seconds  samples")
    for name, method, options in [
        ("f2sa, batches", "f2sa", {"max_iterations": 1500}),
        ("bo_rep, batches", "bo_rep", {"max_iterations": 1500}),
        ("f2sa", "f2sa", {"batch_size": 0, "tolerance": 1e-4}),
        ("implicit", "implicit", {"tolerance": 1e-4}),
    ]:
        result = kantor.solve(problem, method, **options)
        kept = result.x > 0
        f1 = 2 * (kept & clean).sum() / (kept.sum() + clean.sum())
        guesses = (X[TRAIN + CLEAN:] @ result.y.reshape(-1, CLASSES)).argmax(1)
        accuracy = (guesses == t[TRAIN + CLEAN:]).mean()
        calls = result.upper_gradients * CLEAN + result.lower_gradients * TRAIN
        samples = result.samples if "batches" in name else calls
        print(f"{name:15}  {result.objective:.5f}  {accuracy:.4f}    {f1:.3f}"
              f"       {result.seconds:6.2f}  {samples:.1e}")


if __name__ == "__main__":
    main()
