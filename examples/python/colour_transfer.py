"""Gives one photograph the colours of another: python colour_transfer.py [OUTPUT_DIRECTORY]

The photographs are the two that scikit-learn brings along. Colours are points of the unit cube. An
entropic transport plan between samples of both says where each sampled colour goes, on average
(the barycentric map); every other pixel moves like the sampled colours nearest to it.
"""

import pathlib
import sys
import time

import matplotlib
import numpy as np
from PIL import Image
from scipy.spatial import cKDTree
from sklearn.datasets import load_sample_image

import kantor
import kantor.plot

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

SOURCE = "china.jpg"
TARGET = "flower.jpg"
SAMPLES = 12000
# Squared distance in colour space below which colours blend: 0.1 along an axis.
EPSILON = 0.01
TOLERANCE = 1e-4
# Sampled colours whose way a pixel takes, on average.
NEIGHBOURS = 16


def colours(name: str) -> np.ndarray:
    """Load a photograph as an array (height, width, 3) with values from 0 to 1."""
    return load_sample_image(name) / 255.0


def transfer(source: np.ndarray, target: np.ndarray) -> tuple:
    """Solve the transport between sampled colours and move the whole image.

    Parameters
    ----------
    source, target : ndarray, shape (height, width, 3)
        The image to be changed, and the one whose colours it is to get.

    Returns
    -------
    image : ndarray, shape of source
        The changed image.
    result : kantor.Result
        The solved transport problem between the samples.
    """
    rng = np.random.default_rng(0)
    pixels = source.reshape(-1, 3)
    X = rng.permutation(pixels)[:SAMPLES]
    Y = rng.permutation(target.reshape(-1, 3))[:SAMPLES]

    # Costs are computed on the fly: 12000 x 12000 of them would take a gigabyte.
    problem = kantor.Problem("transport", points=(X, Y), metric="sqeuclidean")
    result = kantor.solve(
        problem, "sinkhorn", epsilon=EPSILON, tolerance=TOLERANCE, trace=True
    )

    way = result.barycentric_map - X
    _, nearest = cKDTree(X).query(pixels, k=NEIGHBOURS)
    image = np.clip(pixels + way[nearest].mean(axis=1), 0.0, 1.0).reshape(source.shape)
    return image, result


def spread(values: np.ndarray, reference: np.ndarray) -> float:
    """Mean over red, green, blue of the 1-Wasserstein distance of two colour histograms."""
    a, b = values.reshape(-1, 3), reference.reshape(-1, 3)
    levels = np.linspace(0.0, 1.0, 501)
    distance = np.abs(np.quantile(a, levels, axis=0) - np.quantile(b, levels, axis=0))
    return float(distance.mean())


def save(path: pathlib.Path, image: np.ndarray) -> None:
    Image.fromarray(np.uint8(np.round(255 * image))).save(path)


def main() -> None:
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/out")
    folder.mkdir(parents=True, exist_ok=True)
    source, target = colours(SOURCE), colours(TARGET)

    start = time.perf_counter()
    image, result = transfer(source, target)
    seconds = time.perf_counter() - start

    save(folder / "colour_transfer_before.png", source)
    save(folder / "colour_transfer_target.png", target)
    save(folder / "colour_transfer_after.png", image)
    axes = kantor.plot.convergence(result)
    axes.set_title(f"Sinkhorn on {SAMPLES} x {SAMPLES} colours")
    axes.figure.savefig(folder / "colour_transfer_convergence.png", dpi=120, bbox_inches="tight")
    plt.close(axes.figure)

    before, after = spread(source, target), spread(image, target)
    height, width, _ = source.shape
    certificate = result.certificate
    print(f"Took {SAMPLES} pixels each of the photographs {SOURCE} and {TARGET} (scikit-learn).")
    print(f"Solved entropic transport between their colours, epsilon = {EPSILON}: "
          f"{result.status} after {result.iterations} iterations, {result.seconds:.1f} s.")
    print(f"The plan misses the marginals by {certificate['marginal_residual']:.1e} of the mass; "
          f"its gap is {certificate['gap']:.1e}.")
    print(f"The squared distance that colours travel is {result.transport_cost:.4f} on average "
          f"(between {result.lower_bound:.4f} and {result.upper_bound:.4f} without entropy).")
    print(f"Moved all {height} x {width} pixels of {SOURCE} along the barycentric map; the whole "
          f"took {seconds:.1f} s.")
    print(f"Its red, green and blue were {before:.3f} away from those of {TARGET}; "
          f"now they are {after:.3f} away.")
    print(f"Before, target, after and the convergence plot are in {folder}.")
    if result.status != "solved" or not after < before:
        raise SystemExit("the colours were not transferred")


if __name__ == "__main__":
    main()
