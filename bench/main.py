"""Measures everything and reports it. Run through bench/run."""

import argparse
import dataclasses
import json
import os
import time

import limits
import machine
import pictures
import programs
import report
from cases import CASES, PROFILE, SHARED
from measure import run_case
from places import OUT
from studies import busy, cold, course, oracles

RESULTS = OUT / "results.json"


def arguments():
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Compares Kantor with other libraries.")
    parser.add_argument("--full", action="store_true",
                        help="all cases and contestants, 1 and 2 threads (hours)")
    parser.add_argument("--only", metavar="TEXT", action="append",
                        help="only cases whose name contains TEXT (may be repeated)")
    parser.add_argument("--limit", type=float, metavar="SECONDS",
                        help="of one solve; what takes longer counts as no answer")
    parser.add_argument("--add", action="store_true",
                        help="keep what build/bench/results.json has of other cases")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--redraw", action="store_true",
                        help="measure nothing; report build/bench/results.json again")
    parser.add_argument("--list", action="store_true", help="list the cases and stop")
    return parser.parse_args()


def measure(options):
    """Runs what was asked for. Returns the results; they are stored after every case."""
    chosen = limits.FULL if options.full else limits.QUICK
    if options.limit:
        chosen = dataclasses.replace(chosen, seconds=options.limit)
    results = {
        "set": "full" if options.full else "quick", "limit_seconds": chosen.seconds,
        "machine": machine.describe(), "cases": [], "profile": [], "course": [],
        "oracles": [], "cold": [], "busy": [],
        "kernels": {},
    }
    if options.add and RESULTS.exists():
        results = joined(json.loads(RESULTS.read_text()), results)
    for line in report.machine_lines(results["machine"]):
        print(line)
    troubles = programs.build()
    for name, trouble in troubles.items():
        print(f"bench/native/{name}.c does not build: {trouble}")
    for case, threads in selected(options):
        names = case.contestants + (case.more if options.full else ())
        record = run_case(case, names, threads, chosen) | {"taken": taken(results)}
        enter(results["cases"], record)
        print(report.case_text(record), flush=True)
        store(results)
    if wanted(options, "profile"):
        results["profile"] = []
        for tolerance in PROFILE.tolerances:
            case = dataclasses.replace(PROFILE.case, tolerance=tolerance, memory=False)
            results["profile"].append(run_case(case, PROFILE.contestants, 1, chosen))
    if wanted(options, "course"):
        results["course"] = course.run(CASES, chosen)
    if wanted(options, "oracles"):
        results["oracles"] = oracles.run()
    if wanted(options, "cold"):
        results["cold"] = cold.run()
    if wanted(options, "busy"):
        results["busy"] = busy.run(SHARED, chosen)
    if wanted(options, "kernels"):
        results["kernels"] = programs.kernel_figures(troubles)
    store(results)
    return results


def taken(results):
    """When, from what and in what company a case was measured."""
    machine = results["machine"]
    return {"date": machine["date"], "commit": machine["commit"],
            "load": os.getloadavg()[0], "limit_seconds": results["limit_seconds"]}


def joined(old, new):
    """The results of before with the machine and the limits of now; cases keep their dates."""
    machine = old["machine"]
    before = {"date": machine["date"], "commit": machine["commit"],
              "load": machine["load_before"], "limit_seconds": old["limit_seconds"]}
    for record in old["cases"]:
        record.setdefault("taken", before)
    return old | {name: new[name] for name in ("set", "limit_seconds", "machine")}


def enter(cases, record):
    """Puts a record in the place of the one of the same case, in the order of cases.py."""
    key = record["case"], record["threads"]
    cases[:] = [other for other in cases if (other["case"], other["threads"]) != key]
    cases.append(record)
    order = {case.name: k for k, case in enumerate(CASES)}
    cases.sort(key=lambda other: (order.get(other["case"], len(order)), other["threads"]))


def wanted(options, name):
    return not options.only or any(text in name for text in options.only)


def selected(options):
    """(case, threads) of the set asked for."""
    return [
        (case, threads)
        for case in CASES
        if (options.full or case.is_quick or options.only) and wanted(options, case.name)
        for threads in ((1, 2) if options.full else case.threads)
    ]


def store(results):
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))


def main():
    options = arguments()
    if options.list:
        for case in CASES:
            print(f"{case.name:28} {'quick' if case.is_quick else 'full ':6} {case.title}")
        print("profile, course, oracles, cold, busy, kernels")
        return
    began = time.monotonic()
    results = json.loads(RESULTS.read_text()) if options.redraw else measure(options)
    print(report.closing_text(results))
    drawn = pictures.draw(results)
    print(f"\n{RESULTS.name} and {', '.join(drawn) or 'no picture'} in build/bench, after "
          f"{(time.monotonic() - began) / 60:.1f} minutes")
    if options.write_docs:
        report.write_docs(results)
        print("docs/benchmarks.md written")


if __name__ == "__main__":
    main()
