"""Judges maps by their Monge gap: python monge_map.py [FOLDER]

A cloud is turned by an angle: the identity is optimal, everything beyond is not. With matplotlib, a
picture is written to FOLDER (default build/out).
"""

import pathlib
import sys

import numpy as np

from kantor.ot import monge

FORMS = {
    "exact": {},
    "shannon": {"epsilon": 0.2},
    "kl": {"epsilon": 0.2, "form": "kl"},
    "debiased": {"epsilon": 0.2, "form": "debiased"},
}


def turn(angle: float) -> np.ndarray:
    """The matrix that turns the plane by an angle."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])


def gaps(angles: np.ndarray) -> dict:
    """Gaps of rotations, form by form."""
    X = np.random.default_rng(1).normal(size=(150, 2))
    return {
        name: np.array([monge.monge_gap(X, X @ turn(t).T, **options) for t in angles])
        for name, options in FORMS.items()
    }


def draw(angles: np.ndarray, curves: dict, path: pathlib.Path) -> None:
    """Write the picture of the gaps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    for name, values in curves.items():
        exact = {"color": "black", "linestyle": "--", "zorder": 3} if name == "exact" else {}
        axes.plot(np.degrees(angles), values, label=name, **exact)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xlabel("angle of the rotation, degrees")
    axes.set_ylabel("Monge gap")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
    print(f"wrote {path}")


def main() -> None:
    """Print the gaps of four rotations; draw more of them."""
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/out")
    few = np.radians([0, 30, 90, 180])
    for name, values in gaps(few).items():
        print(f"{name:9s}", *(f"{value:8.4f}" for value in values))
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return
    folder.mkdir(parents=True, exist_ok=True)
    many = np.linspace(0, np.pi, 31)
    draw(many, gaps(many), folder / "monge_gap.png")


if __name__ == "__main__":
    main()
