"""Runs the benchmarks of this folder: a table on screen, and ``results/latest.json`` for whoever compares.

A benchmark is a file beside this one with ``BENCHMARKS``: for each key a function without arguments that measures and
returns a mapping with ``value``, ``unit`` and ``better`` ("higher" or "lower"), and if there are any ``peers`` (name to
value, measured in the same run on the same machine), ``limit`` (the number promised, which a result must not miss),
``least_ratio`` (the same of how it stands to its best peer) and ``details`` (other numbers that explain this one).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Benchmark = Callable[[], Mapping[str, Any]]

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results" / "latest.json"
MAY_BE_TOLD = {"value", "unit", "better", "peers", "limit", "least_ratio", "details"}


def discover() -> dict[str, Benchmark]:
    """Collect the benchmarks of all files, refusing a key that two of them claim."""
    found: dict[str, Benchmark] = {}
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem.startswith("_"):
            continue
        for key, benchmark in importlib.import_module(f"benchmarks.{path.stem}").BENCHMARKS.items():
            if key in found:
                raise SystemExit(f"bench: two benchmarks are called {key}")
            found[key] = benchmark
    return found


def machine() -> dict[str, Any]:
    """Describe what was measured on, without naming the machine itself."""
    cpu = _line("/proc/cpuinfo", "model name").partition(":")[2].strip()
    memory = (_line("/proc/meminfo", "MemTotal") or "MemTotal: 0 kB").split()[1]
    return {
        "cpu": cpu or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory) / 1024**2, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _line(path: str, beginning: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(beginning)), "")


def judged(key: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Complete what a benchmark told: how it stands to its best peer (above 1 is better), and how to run it again."""
    unknown = set(told) - MAY_BE_TOLD
    if unknown or told["better"] not in {"higher", "lower"}:
        raise SystemExit(f"bench: {key} told something else than the format asks: {sorted(unknown) or told['better']}")
    peers: Mapping[str, float] = told.get("peers", {})
    ratio = None
    if peers and told["better"] == "higher":
        ratio = told["value"] / max(peers.values())
    elif peers:
        ratio = min(peers.values()) / told["value"]
    return {
        "value": told["value"],
        "unit": told["unit"],
        "better": told["better"],
        "peers": dict(peers),
        "limit": told.get("limit"),
        "ratio": None if ratio is None else round(ratio, 3),
        "least_ratio": told.get("least_ratio"),
        "details": dict(told.get("details", {})),
        "command": f"make bench ONLY={key}",
    }


def holds(result: Mapping[str, Any]) -> bool:
    """Say whether a result keeps its promises."""
    if result["least_ratio"] is not None and result["ratio"] < result["least_ratio"]:
        return False
    if result["limit"] is None:
        return True
    kept: bool = (
        result["value"] >= result["limit"] if result["better"] == "higher" else result["value"] <= result["limit"]
    )
    return kept


def row(key: str, result: Mapping[str, Any]) -> str:
    """Set one result as a line of the table."""
    limit = "" if result["limit"] is None else f"{'≥' if result['better'] == 'higher' else '≤'} {result['limit']:g}"
    if result["least_ratio"] is not None:
        limit = f"{result['ratio']:g} ≥ {result['least_ratio']:g}"
    peers = ", ".join(f"{name} {value:g}" for name, value in result["peers"].items())
    verdict = "" if holds(result) else "  MISSED"
    return f"{key:<36} {result['value']:>12.6g} {result['unit']:<12} {limit:<12} {peers}{verdict}"


def main() -> int:
    """Measure what is asked for, print it, and keep the numbers of what was not."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure Earnest on this machine.")
    parser.add_argument("--only", default="", metavar="KEY,KEY", help="measure these alone")
    known = discover()
    wanted = [key for key in parser.parse_args().only.split(",") if key] or list(known)
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"bench: there is no {', '.join(unknown)}; there are: {', '.join(known) or 'none yet'}", file=sys.stderr)
        return 2
    if not wanted:
        print("bench: there is nothing to measure yet")
        return 0
    earlier = json.loads(RESULTS.read_text(encoding="utf-8"))["results"] if RESULTS.is_file() else {}
    results: dict[str, Any] = {key: value for key, value in earlier.items() if key in known}
    missed = False
    for key in wanted:
        begun = time.monotonic()
        results[key] = judged(key, known[key]())
        missed = missed or not holds(results[key])
        print(f"{row(key, results[key])}   ({time.monotonic() - begun:.1f} s)", flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    written = RESULTS.with_suffix(".tmp")
    document = {"machine": machine(), "results": dict(sorted(results.items()))}
    written.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    written.replace(RESULTS)
    print(f"{len(wanted)} measured; all numbers are in {RESULTS.relative_to(FOLDER.parent)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
