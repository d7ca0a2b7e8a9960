"""Where things lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
STAGE = ROOT / "build" / "stage"
OUT = ROOT / "build" / "bench"
LOGS = OUT / "log"
LATENCY = OUT / "latency"
QUADRATIC = OUT / "quadratic"
KERNELS = OUT / "kernels"
DOCS = ROOT / "docs" / "benchmarks.md"
ENVIRONMENT = ROOT / ".venv-bench" / "bench-environment.json"
