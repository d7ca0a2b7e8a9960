"""What Kantor set out to reach, against what was measured. Every aim is judged by the results
alone; one whose figures are missing is said to be not measured."""

from figures import lead, mebibytes, seconds, solved, three


class Results:
    """Looks things up in results.json."""

    def __init__(self, results):
        self.results = results

    def record(self, case, threads=1):
        for record in self.results["cases"]:
            if record["case"] == case and record["threads"] == threads:
                return record
        return None

    def entry(self, case, *contestants):
        """The quickest of these contestants that solved a case, or None."""
        record = self.record(case)
        entries = record["entries"] if record else []
        good = [e for e in entries if e["verdict"] == "ok" and e["contestant"] in contestants]
        return min(good, key=lambda entry: entry["seconds"], default=None)

    def start(self, name):
        found = [s["seconds"] for s in self.results["cold"] if s["start"] == name]
        return found[0] if found else None

    def kernel(self, level, name):
        return self.results["kernels"].get("levels", {}).get(level, {}).get(name)


def compare(results, case, ours, peers, factor):
    """Whether ours takes at most `factor` of the peers' time."""
    mine, other = results.entry(case, *ours), results.entry(case, *peers)
    if not mine or not other:
        return None
    ratio = mine["seconds"] / other["seconds"]
    return ratio <= factor, (
        f"{seconds(mine['seconds'])} ({mine['contestant']}) against {seconds(other['seconds'])} "
        f"({other['contestant']}): {ratio:.2f}"
    )


def below(value, bound):
    return None if value is None else (value <= bound, f"{seconds(value)}")


SOLVE, POINTS = "Kantor solve", "Kantor solve (points)"


def exact_plane(r):
    return compare(r, "exact-2d-4000", (SOLVE, "Kantor ot.emd"), ("POT emd",), 1 / 3)


def exact_memory(r):
    entry = r.entry("exact-2d-4000", SOLVE)
    if not entry or entry["memory_bytes"] is None:
        return None
    return entry["memory_bytes"] <= 150 * 2**20, f"{mebibytes(entry['memory_bytes'])} ({SOLVE})"


def exact_16d(r):
    return compare(r, "exact-16d-4000", (SOLVE, POINTS), ("lapx lapjvs", "lapx lapjvs f32"), 1)


def tiny_c(r):
    entry = r.entry("exact-tiny-10", "Kantor from C: kantor_transport_exact")
    return below(entry and entry["seconds"], 3e-6)


def tiny_python(r):
    entry = r.entry("exact-tiny-10", "Kantor ot.emd, one call")
    return below(entry and entry["seconds"], 20e-6)


def line(r):
    return compare(r, "line-1000000", ("Kantor wasserstein_1d", "Kantor emd2_1d"),
                   ("NumPy sort of both",), 1)


def sinkhorn_lead(r):
    told, reached, known = [], True, False
    for record in r.results["cases"]:
        if record["family"] != "sinkhorn" or record["threads"] != 1:
            continue
        peer, ours = lead(record)
        if not ours:
            reached = False
            told.append(f"{record['case']}: not solved")
        elif peer:
            known = True
            ratio = peer["seconds"] / ours["seconds"]
            reached = reached and ratio >= 5
            told.append(f"{record['case'].removeprefix('sinkhorn-')}: {three(ratio)}")
        else:
            told.append(f"{record['case'].removeprefix('sinkhorn-')}: no peer got there")
    return (reached, "times faster than the best peer: " + ", ".join(told)) if known else None


def sinkhorn_small(r):
    told, reached = [], True
    for n in (1000, 2000, 5000):
        easy = r.record(f"sinkhorn-{n}-0.01-1e-06")
        peers = solved(easy["entries"], False) if easy else []
        for tolerance in ("1e-06", "1e-09"):
            hard = r.record(f"sinkhorn-{n}-0.001-{tolerance}")
            if not hard or not peers:
                continue
            ours = solved(hard["entries"], True)
            reached = reached and bool(ours) and ours[0]["seconds"] <= peers[0]["seconds"]
            mine = seconds(ours[0]["seconds"]) if ours else "not solved"
            told.append(f"n = {n} to {tolerance}: {mine} against {seconds(peers[0]['seconds'])}")
    return (reached, "; ".join(told)) if told else None


def cloud(r):
    ours, peer = r.entry("cloud-20000", "Kantor point cloud"), r.entry(
        "cloud-20000", "blocked NumPy")
    if not ours or not peer:
        return None
    each = [e["seconds"] / e["figures"]["iterations"] for e in (ours, peer)]
    return each[1] >= 10 * each[0], (
        f"{seconds(each[0])} an iteration against {seconds(each[1])}: {three(each[1] / each[0])} "
        f"times faster; whole solve {three(peer['seconds'] / ours['seconds'])} times; memory "
        f"{mebibytes(ours['memory_bytes'])}"
    )


def divergence(r):
    entry = r.entry("divergence-separate", "Kantor solve sinkhorn_divergence")
    return below(entry and entry["seconds"], 0.1)


def busy(r):
    told, reached = [], True
    for record in r.results["busy"]:
        if not record["contestant"].startswith("Kantor"):
            continue
        if record["failure"]:
            return False, record["failure"]
        times = record["seconds"]["busy"]
        ratio = times["2"] / times["1"]
        reached = reached and ratio <= 1.2
        told.append(f"{record['case']}: {ratio:.2f}")
    return (reached, "; ".join(told)) if told else None


def kernels(r):
    f64, f32 = r.kernel("v4", "exp f64"), r.kernel("v4", "exp f32")
    if f64 is None or f32 is None:
        return None
    return f64 <= 1 / 3 and f32 <= 0.1, f"{1 / f64:.1f} and {1 / f32:.1f} Gexp/s"


AIMS = [
    ("exact, 2-D, n = 4000: a third of the time of POT's emd", exact_plane),
    ("exact, 2-D, n = 4000: at most 150 MiB beyond the costs", exact_memory),
    ("exact, 16-D, n = 4000: ahead of lapx's lapjvs", exact_16d),
    ("exact, n = 10: below 3 µs from C", tiny_c),
    ("exact, n = 10: below 20 µs from Python", tiny_python),
    ("line, n = 1 000 000: as fast as NumPy's sort of both inputs", line),
    ("Sinkhorn: 5 times ahead of the best peer at every size and epsilon", sinkhorn_lead),
    ("Sinkhorn: epsilon = 0.001 in less time than the peers need for 0.01", sinkhorn_small),
    ("point clouds, n = 20 000: 10 times ahead of blocked NumPy an iteration", cloud),
    ("Sinkhorn divergence, n = 1000: below 0.1 s", divergence),
    ("cold start: below 10 ms from C", lambda r: below(r.start("Kantor from C, exact"), 0.010)),
    ("cold start: below 100 ms from Python, with NumPy's import",
     lambda r: below(r.start("Kantor from Python, exact"), 0.100)),
    ("two threads on a busy machine: at most 1.2 times the time of one", busy),
    ("exp with AVX-512 on one core: 3 Gexp/s f64 and 10 f32", kernels),
]


def judge_aims(results):
    """(aim, "reached" / "missed" / "not measured", figures) for every aim."""
    looked_up = Results(results)
    judged = []
    for text, test in AIMS:
        outcome = test(looked_up)
        if outcome is None:
            judged.append((text, "not measured", ""))
        else:
            judged.append((text, "reached" if outcome[0] else "missed", outcome[1]))
    return judged
