"""What a contestant hands in."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Answer:
    """What a contestant found; the fields that its method gives."""

    plan: np.ndarray = None  # dense
    entries: tuple = None  # (rows, columns, values) of a sparse plan
    f: np.ndarray = None  # dual potentials of the exact problem; x and y of a program; or
    g: np.ndarray = None
    phi: np.ndarray = None  # plan = exp(phi_i + gamma_j - cost_ij / epsilon)
    gamma: np.ndarray = None
    value: float = None
    has_entropy: bool = True  # whether the value of a divergence counts the entropy
    iterations: int = None
    seconds: float = None  # measured by the contestant itself (programs in C)
    note: str = ""
