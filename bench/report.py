"""Writes results for people: tables for the terminal and docs/benchmarks.md."""

from aims import judge_aims
from figures import ROW_HEADINGS, lead, processor, rows, seconds, three
from places import DOCS


def title(record):
    threads = "one thread" if record["threads"] == 1 else f"{record['threads']} threads"
    return f"{record['title']} ({threads})"


def taken(record):
    """When a case was measured; the load is the machine's one, of all that ran on it."""
    about = record.get("taken")
    return "" if about is None else (
        f"\n{about['date']}, commit {about['commit']}, load {about['load']:.1f} at its end, "
        f"at most {about['limit_seconds']:g} s for one solve.\n")


def plain_table(headings, body):
    """Columns padded with spaces."""
    lines = [headings, *body]
    widths = [max(len(line[k]) for line in lines) for k in range(len(headings))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in lines
    )


def markdown_table(headings, body):
    lines = [headings, tuple("---" for _ in headings), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                     for line in lines)


def case_text(record):
    return f"\n{title(record)}\n{plain_table(ROW_HEADINGS, rows(record))}"


def headline_rows(results):
    """For every case the best peer against the best of Kantor."""
    body = []
    for record in results["cases"]:
        peer, ours = lead(record)
        ratio = busy = ""
        if peer and ours:
            ratio = three(peer["seconds"] / ours["seconds"])
            if processor(peer) and processor(ours):
                busy = three(processor(peer) / processor(ours))
        body.append((
            title(record),
            f"{seconds(peer['seconds'])}, {peer['contestant']}" if peer else "none got there",
            f"{seconds(ours['seconds'])}, {ours['contestant']}" if ours else "not solved",
            ratio, busy,
        ))
    return body


HEADLINE = ("case", "best of the others", "best of Kantor", "times faster",
            "in processor time")
COLD = ("fresh process", "time to the answer and the end", "remark")
BUSY = ("contestant", "case", "idle: 1 thread", "2 threads", "busy: 1 thread", "2 threads",
        "2 to 1 threads, busy")
AIM = ("aim", "outcome", "measured")


def cold_rows(results):
    return [(r["start"], seconds(r["seconds"]), r["failure"]) for r in results["cold"]]


def busy_rows(results):
    body = []
    for record in results["busy"]:
        if record["failure"]:
            body.append((record["contestant"], record["case"], record["failure"], "", "", "", ""))
            continue
        idle, busy = record["seconds"]["idle"], record["seconds"]["busy"]
        body.append((
            record["contestant"], record["case"], seconds(idle["1"]), seconds(idle["2"]),
            seconds(busy["1"]), seconds(busy["2"]), f"{busy['2'] / busy['1']:.2f}",
        ))
    return body


def kernel_rows(results):
    """(headings, body) of the kernels' throughput, in ns an entry by CPU level."""
    levels = results["kernels"].get("levels")
    if not levels:
        failure = results["kernels"].get("failure")
        return ("kernels",), [(failure,)] if failure else []
    names = next(iter(levels.values()))
    body = [(name, *(f"{level[name]:.3f}" for level in levels.values())) for name in names]
    return ("ns an entry", *levels), body


def profile_rows(results):
    """Time against the accuracy asked for."""
    contestants = sorted({e["contestant"] for r in results["profile"] for e in r["entries"]})
    body = []
    for record in results["profile"]:
        by_name = {e["contestant"]: e for e in record["entries"]}
        cells = [cell(by_name.get(name)) for name in contestants]
        body.append((f"{record['tolerance']:g}", *cells))
    return ("marginals to", *contestants), body


def cell(entry):
    if entry is None:
        return ""
    return seconds(entry["seconds"]) if entry["verdict"] == "ok" else entry["verdict"]


def closing_text(results):
    """What is printed after the last case."""
    profile, kernels = profile_rows(results), kernel_rows(results)
    parts = [
        ("Cold start", COLD, cold_rows(results)),
        ("Two threads on an idle and on a busy machine", BUSY, busy_rows(results)),
        ("Accuracy against time", *profile),
        ("Kernels", *kernels),
        ("Headline", HEADLINE, headline_rows(results)),
        ("Aims", AIM, [aim for aim in judge_aims(results) if aim[1] != "not measured"]),
    ]
    return "\n".join(f"\n{heading}\n{plain_table(headings, body)}"
                     for heading, headings, body in parts if body)


def machine_lines(machine):
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    library = machine["kantor"]
    kantor = library.get("failure") or (
        f"{library['version']}, CPU level {library['cpu_level']}, {library['compiler']}")
    lines = [
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}; load before the start {machine['load_before']:.2f}",
        f"Date: {machine['date']}; commit {machine['commit']}",
        f"Kantor: {kantor}",
        f"Python {machine['python']}: {versions}",
        "OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are unset for all; OMP, OpenBLAS and MKL get the "
        "thread count of the case, and one-threaded contestants are kept on one core",
    ]
    for name, reason in machine["not_installed"].items():
        lines.append(f"{name} could not be installed: {reason}")
    return lines


INTRODUCTION = """# Benchmarks

Written by `bench/run --write-docs`; do not edit. `make bench` measures again and leaves tables,
`build/bench/results.json` with every single run, and pictures.

How: every contestant solves the same data in a process of its own and must reach the same
accuracy, which is computed here from its answer: L1 error of both marginals; for exact plans the
cost after rounding against the best proved lower bound; for entropic plans the marginals of the
plan rebuilt from the potentials; for regularised and unbalanced plans the gap to a dual value; for
programs the largest of residuals and gap; for Gromov-Wasserstein what the linearised problem could
gain; for distances and barycentres a reference. Contestants with another stopping test are brought
to this accuracy, and not further,
before they are timed. Times are medians of the runs shown, taken in
turns (A B C, A B C, ...), without imports, compilation and conversion of data. "× 3.00" is three
times the time of Kantor's best. Memory is the peak beyond the problem's data during one solve.
A contestant that gave a wrong answer or none is listed as such. One called "again" starts from
its own last answer, which the others do not; it is shown, and counts in no comparison. "In
processor time" is the same ratio without the time for which others had the processor.
"""


def write_docs(results):
    """Writes docs/benchmarks.md."""
    sections = [INTRODUCTION, "\n".join(f"- {line}" for line in machine_lines(results["machine"]))]
    sections.append(
        f"\nSet: {results['set']}, at most {results['limit_seconds']:g} s for one solve.")
    add = lambda heading, table: sections.append(f"\n## {heading}\n\n{table}")
    add("Aims", markdown_table(AIM, judge_aims(results)))
    add("Headline", markdown_table(HEADLINE, headline_rows(results)))
    add("Cold start", markdown_table(COLD, cold_rows(results)))
    add("Two threads on an idle and on a busy machine",
        markdown_table(BUSY, busy_rows(results)))
    add("Accuracy against time", markdown_table(*profile_rows(results)))
    add("Kernels", markdown_table(*kernel_rows(results)))
    sections.append("\n## All cases")
    for record in results["cases"]:
        table = markdown_table(ROW_HEADINGS, rows(record))
        sections.append(f"\n### {title(record)}\n{taken(record)}\n{table}")
    DOCS.parent.mkdir(exist_ok=True)
    DOCS.write_text("\n".join(sections) + "\n")
