"""Sends tokens to experts of limited capacity: python experts.py

A router gives every token a score for every expert. Letting each token take its best expert
overloads some of them. Transport with at most k tokens per expert balances the load; with k times
the number of experts equal to the number of tokens, every token goes to one expert and none is
dropped.
"""

import numpy as np

import kantor

TOKENS, EXPERTS = 256, 16
CAPACITY = TOKENS // EXPERTS


def scores(seed: int = 0) -> np.ndarray:
    """Draw scores of a router whose experts are not equally popular."""
    rng = np.random.default_rng(seed)
    popularity = rng.normal(size=EXPERTS)
    logits = rng.normal(size=(TOKENS, EXPERTS)) + popularity
    shares = np.exp(logits)
    return shares / shares.sum(axis=1, keepdims=True)


def main() -> None:
    """Compare the best expert of each token, a greedy capacity, and transport."""
    share = scores()
    best = share.argmax(axis=1)
    load = np.bincount(best, minlength=EXPERTS)
    print(f"best expert of each token: load {load.min()} to {load.max()}, capacity {CAPACITY}")

    room, kept = np.full(EXPERTS, CAPACITY), 0.0
    for token in range(TOKENS):
        if room[best[token]] > 0:
            room[best[token]] -= 1
            kept += share[token, best[token]]
    print(f"first come, first served: {int(room.sum())} tokens dropped, mean share "
          f"{kept / TOKENS:.4f}")

    problem = kantor.Problem("transport", cost=-share)
    result = kantor.solve(problem, "sparsity_constrained", cardinality=CAPACITY, gamma=0.1)
    plan = TOKENS * result.plan
    print(f"transport: {result.status}, {int(result.most_entries)} tokens at most per expert, "
          f"{int(result.exceeding_lines)} experts above the capacity")
    print(f"tokens with one expert: {int(((plan > 1e-6).sum(axis=1) == 1).sum())} of {TOKENS}, "
          f"mean share {(plan * share).sum() / TOKENS:.4f}")


if __name__ == "__main__":
    main()
