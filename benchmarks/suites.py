"""What a whole suite costs above one of empty async tests, importing and collecting apart.

    python benchmarks/suites.py [--tests 500] [--rounds 15]
        [--kinds docket,harness,real_procrastinate]

Processes are measured, from their start to their end, and the same ones with --collect-only are
taken off; every suite imports what any of them needs. Each run has one of empty tests before it
and one after it, so that a slow minute falls on both. The plugin must be installed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from per_test import PYTEST, TESTS

IMPORTS = """
from importlib import import_module

from pytest_taskq.plugin.ahead import NEEDED, OF_EACH_TEST

for name in {*NEEDED.values(), *OF_EACH_TEST}:
    import_module(name)
"""


def took(folder, kind, *options):
    """Milliseconds of one process."""
    command = [sys.executable, *PYTEST, *options, f"test_all.py::test_{kind}"]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    milliseconds = (time.perf_counter() - began) * 1e3
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr)
    return milliseconds


def above_empty(folder, kind, *options):
    """What one process takes above those of empty tests before and after it."""
    before, own, after = (took(folder, each, *options) for each in ("empty", kind, "empty"))
    return own - (before + after) / 2


def suites(kinds, tests, rounds):
    """For each kind the milliseconds a test, of all rounds."""
    figures = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "conftest.py").write_text(IMPORTS)
        Path(folder, "test_all.py").write_text(TESTS.format(tests=tests))
        for kind in kinds:
            took(folder, kind)  # keeps what it compiles
        for _ in range(rounds):
            for kind in kinds:
                run = above_empty(folder, kind)
                figures[kind].append((run - above_empty(folder, kind, "--collect-only")) / tests)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--kinds", default="docket,harness,real_procrastinate")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a run without caches measures the compiler
    print("ms a test of a whole suite above one of empty async tests: median, and the middle half")
    found = suites(options.kinds.split(","), options.tests, options.rounds)
    for kind, figures in found.items():
        low, middle, high = statistics.quantiles(figures, n=4)
        print(f"  {kind:26} {middle:6.3f}  {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
