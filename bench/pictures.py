"""Pictures of the results, as PNG files."""

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402  (the backend is chosen first)

from contestants import is_ours  # noqa: E402
from places import OUT  # noqa: E402

COLOURS = plt.get_cmap("tab20").colors


def draw(results):
    """Draws what the results have figures for. Returns the names of the files."""
    OUT.mkdir(parents=True, exist_ok=True)
    drawn = [
        sizes(results, "exact-2d", "Exact transport, points of the unit square", "exact_2d.png"),
        sizes(results, "exact-16d", "Exact transport, points of 16 dimensions", "exact_16d.png"),
        sizes(results, "exact-random", "Exact transport, random costs", "exact_random.png"),
        epsilons(results), profile(results), course(results), oracles(results),
        memory(results),
    ]
    return [name for name in drawn if name]


def finish(figure, axes, name, legend=True):
    axes.grid(True, which="major", alpha=0.3)
    if legend:
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(OUT / name, dpi=130)
    plt.close(figure)
    return name


def style(name):
    """Kantor is drawn with full, thick lines."""
    return {"linewidth": 2.4, "marker": "o"} if is_ours(name) else {
        "linewidth": 1.2, "marker": "s", "linestyle": "--", "markersize": 4}


def curves(axes, points):
    """points: {name: [(x, y)]}; the same colour for the same place in the list."""
    for k, (name, values) in enumerate(sorted(points.items())):
        x, y = zip(*sorted(values))
        axes.plot(x, y, label=name, color=COLOURS[k % len(COLOURS)], **style(name))
    axes.set_xscale("log")
    axes.set_yscale("log")


def collect(records, abscissa):
    points = {}
    for record in records:
        for entry in record["entries"]:
            if entry["verdict"] == "ok":
                where = (abscissa(record, entry), entry["seconds"])
                points.setdefault(entry["contestant"], []).append(where)
    return points


def sizes(results, prefix, heading, name):
    records = [r for r in results["cases"]
               if r["case"].rsplit("-", 1)[0] == prefix and r["threads"] == 1]
    points = collect(records, lambda record, _: record["data"]["n"])
    if not points:
        return None
    figure, axes = plt.subplots(figsize=(7, 5))
    curves(axes, points)
    ticks = sorted({record["data"]["n"] for record in records})
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.minorticks_off()
    axes.set(title=heading, xlabel="points on each side", ylabel="seconds, one thread")
    return finish(figure, axes, name)


def epsilons(results):
    records = [r for r in results["cases"] if r["family"] == "sinkhorn" and r["threads"] == 1
               and r["data"]["n"] == 1000 and r["tolerance"] == 1e-6]
    points = collect(records, lambda record, _: record["data"]["epsilon_of_median"])
    if not points:
        return None
    figure, axes = plt.subplots(figsize=(7, 5))
    curves(axes, points)
    axes.invert_xaxis()
    axes.set(title="Entropic transport, n = 1000, marginals to 1e-6",
             xlabel="epsilon / median cost", ylabel="seconds, one thread")
    return finish(figure, axes, "sinkhorn_epsilon.png")


def profile(results):
    points = collect(results["profile"],
                     lambda _, entry: max(entry["figures"]["error"], 1e-16))
    if not points:
        return None
    figure, axes = plt.subplots(figsize=(7, 5))
    curves(axes, points)
    axes.invert_xaxis()
    axes.set(title="Accuracy against time: " + results["profile"][0]["title"].rsplit(", to", 1)[0],
             xlabel="L1 error of the marginals, measured", ylabel="seconds, one thread")
    axes.title.set_fontsize(9)
    return finish(figure, axes, "accuracy.png")


def course(results):
    """Error against time while the solves of the sparse family run."""
    records = results.get("course") or []
    if not records:
        return None
    figure, panels = plt.subplots(1, len(records), figsize=(4 * len(records), 3.6), squeeze=False)
    for axes, record in zip(panels[0], records):
        for k, curve in enumerate(record["curves"]):
            axes.plot(curve["seconds"], curve["errors"], label=curve["name"], linewidth=1.6,
                      color=COLOURS[2 * k])
        axes.set(xscale="log", yscale="log", xlabel="seconds, one thread",
                 ylabel="L1 error of the marginals")
        axes.set_title(record["title"].split(", n =")[0], fontsize=9)
        axes.grid(True, which="major", alpha=0.3)
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(OUT / "sparse_newton.png", dpi=100)
    plt.close(figure)
    return "sparse_newton.png"


def oracles(results):
    """Evaluations of components against their number, for one accuracy."""
    records = results.get("oracles") or []
    if not records:
        return None
    figure, axes = plt.subplots(figsize=(7, 4))
    for k, record in enumerate(records):
        axes.plot(record["counts"], record["evaluations"], label=record["name"], marker="o",
                  color=COLOURS[2 * k])
    axes.set(xscale="log", yscale="log", xlabel="components",
             ylabel="evaluations of components", title="Finite sums, to a residual of 1e-4")
    return finish(figure, axes, "oracles.png")


def memory(results):
    records = [r for r in results["cases"] if r["case"] == "exact-2d-4000" and r["threads"] == 1]
    entries = [e for r in records for e in r["entries"] if e["memory_bytes"] is not None]
    if not entries:
        return None
    entries.sort(key=lambda entry: entry["memory_bytes"])
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.barh(
        [e["contestant"] for e in entries], [e["memory_bytes"] / 2**20 for e in entries],
        color=[COLOURS[0] if is_ours(e["contestant"]) else COLOURS[15] for e in entries])
    axes.set(title="Exact transport, n = 4000: memory beyond the costs",
             xlabel="MiB")
    return finish(figure, axes, "memory.png", legend=False)
