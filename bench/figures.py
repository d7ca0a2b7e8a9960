"""Numbers from records, and how they are written."""

import statistics

from contestants import is_ours, is_repeat


def seconds(value):
    """Seconds with three figures and a fitting unit."""
    if value is None:
        return ""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1 or unit == "µs":
            return f"{three(value * factor)} {unit}"


def three(value):
    """Three figures without an exponent."""
    if value >= 99.95:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def mebibytes(value):
    return "" if value is None else f"{value / 2**20:.0f} MiB"


def error(value):
    if value is None or value != value:
        return ""
    return "0" if value == 0 else f"{max(value, 0):.0e}"


def solved(entries, ours):
    """Entries that gave a right answer, Kantor's or the others', quickest first. One that starts
    from its own last answer solves an easier problem than the others and is only shown."""
    good = [e for e in entries if e["verdict"] == "ok" and is_ours(e["contestant"]) == ours
            and not is_repeat(e["contestant"])]
    return sorted(good, key=lambda entry: entry["seconds"])


def lead(record):
    """(best peer, best of ours), either None where nobody got there."""
    peers, ours = solved(record["entries"], False), solved(record["entries"], True)
    return (peers or [None])[0], (ours or [None])[0]


def processor(entry):
    """Median of the processor time of one solve, where it was measured."""
    times = entry.get("processor_seconds")
    return statistics.median(times) if times else None


def disturbed(entry):
    """Share of the time in which a one-threaded solve did not have the processor."""
    if not entry["runs"] or not entry["processor_seconds"]:
        return 0.0
    return max(0.0, 1 - sum(entry["processor_seconds"]) / sum(entry["runs"]))


ROW_HEADINGS = ("contestant", "time", "to Kantor's", "runs", "error reached", "memory", "remark")


def rows(record):
    """The table of a case: solved ones by time, then the others with what happened."""
    ours = solved(record["entries"], True)
    base = ours[0]["seconds"] if ours else None
    good = sorted((e for e in record["entries"] if e["verdict"] == "ok"),
                  key=lambda entry: entry["seconds"])
    bad = [e for e in record["entries"] if e["verdict"] != "ok"]
    return [row(entry, base, record["threads"]) for entry in good + bad]


def row(entry, base, threads):
    good = entry["verdict"] == "ok"
    remarks = [] if good else [entry["verdict"]]
    note = entry["figures"].get("note")
    if note and note not in entry["verdict"]:
        remarks.append(note)
    if entry["figures"].get("iterations"):
        remarks.append(f"{entry['figures']['iterations']} iterations")
    if threads == 1 and disturbed(entry) > 0.1:
        remarks.append(f"{disturbed(entry):.0%} of the time waiting for the processor")
    return (
        entry["contestant"],
        seconds(entry["seconds"]),
        f"× {three(entry['seconds'] / base)}" if good and base else "",
        str(len(entry["runs"])) if entry["runs"] else "",
        error(entry["figures"].get("error")),
        mebibytes(entry["memory_bytes"]),
        "; ".join(remarks),
    )
