"""Evaluations of components against their number, for a picture: sampling grows like the root."""

import numpy as np

COUNTS = (100, 300, 1000, 3000, 10000)
SIZE, TOLERANCE = 5, 1e-4

# name, method, options
SOLVES = [
    ("Kantor variance_reduced_halpern", "variance_reduced_halpern", {"restart": False}),
    ("Kantor halpern, whole operator", "halpern", {"anchoring": "plain"}),
    ("Kantor fast_extragradient, whole operator", "fast_extragradient", {"restart": False}),
]


def run():
    """[{"name", "counts", "evaluations"}]: least squares, each row a component."""
    return [{"name": name, "counts": list(COUNTS),
             "evaluations": [evaluations(count, method, options) for count in COUNTS]}
            for name, method, options in SOLVES]


def evaluations(count, method, options):
    import kantor.vi

    rng = np.random.default_rng(count)
    rows = rng.standard_normal((count, SIZE))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    right = rows @ np.full(SIZE, 2.0) + 0.1 * rng.standard_normal(count)

    def mean(indices, x):
        part = rows[indices]
        return part.T @ (part @ x - right[indices]) / len(indices)

    result = kantor.vi.solve(
        mean, np.zeros(SIZE), components=count, comonotone=1.0, batched=True, method=method,
        tolerance=TOLERANCE, **options)
    if result.status != "solved":
        raise RuntimeError(f"{method} with {count} components: {result['message']}")
    return int(result["component_evaluations"])


if __name__ == "__main__":
    for record in run():
        slope = np.polyfit(np.log(record["counts"]), np.log(record["evaluations"]), 1)[0]
        print(f"{record['name']:45} {record['evaluations']}  slope {slope:.2f}")
