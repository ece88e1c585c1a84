"""What jobs, tests and a start cost in instructions: the same on a busy machine as on a quiet one.

    python benchmarks/instructions.py [--only jobs tests start]

Counted by valgrind, which must be installed, as the difference between a larger and a smaller
run, so that imports and what happens once do not count; of tests, without the garbage collector.
The plugin must be installed; where Procrastinate is, its own connector in memory is counted beside
ours.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from per_test import PYTEST, START, TESTS
from throughput import SUBJECTS

HERE = Path(__file__).parent
PASS = "import asyncio, throughput as t; asyncio.run(t.one_pass(t.SUBJECTS[{name!r}], {amount}))"
KINDS = ("empty", "docket", "harness", "real_procrastinate")
AMOUNT = 'int(__import__("os").environ["TESTS"])'
COUNT = re.compile(r"Collected : (\d+)")
AT_ONCE = ThreadPoolExecutor(os.cpu_count())


def count(*arguments, cwd=HERE, **environment):
    """Millions of instructions that a Python with these arguments executes; it runs meanwhile."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
    environment = {**os.environ, "PYTHONHASHSEED": "0", **environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or the compiler would be counted

    def run():
        done = subprocess.run(
            [*command, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        found = COUNT.search(done.stderr)
        if found is None or done.returncode not in {0, 5}:  # 5: no tests, as at a mere start
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        return int(found[1]) / 1e6

    return AT_ONCE.submit(run)


def each(low, high, of):
    """What one of those costs that ``of(amount)`` begins to count; to be called for the answer."""
    less, more = of(low), of(high)
    return lambda: (more.result() - less.result()) / (high - low)


def jobs():
    def of(name):
        return each(500, 2500, lambda n: count("-c", PASS.format(name=name, amount=n)))

    counted = {name: of(name) for name in SUBJECTS}
    limit = counted["limit"]()
    print("thousands of instructions a job, enqueued and run, and as a multiple of the limit's")
    for name, cost in counted.items():
        print(f"  {name:26} {cost() * 1e3:7.1f} {cost() / limit:6.2f}x")


def tests():
    with tempfile.TemporaryDirectory() as folder:
        source = TESTS.format(tests=AMOUNT)
        Path(folder, "test_all.py").write_text(source)
        # Its rare full rounds would fall on one kind of test or another.
        Path(folder, "conftest.py").write_text("import gc; gc.disable()")

        def of(kind, *options):
            test = f"test_all.py::test_{kind}"
            return each(
                30,
                230,
                lambda n: count(*PYTEST, test, *options, cwd=folder, TESTS=str(n)),
            )

        count(*PYTEST, cwd=folder, TESTS="1").result()  # keeps what it compiles
        kinds = [kind for kind in KINDS if f"def test_{kind}(" in source]
        collected, counted = of("empty", "--collect-only"), {kind: of(kind) for kind in kinds}
        run_empty = counted.pop("empty")()
        empty = run_empty - collected()
        above = {kind: cost() - run_empty for kind, cost in counted.items()}
    print(
        f"millions of instructions a test above an empty async test ({empty:.2f}), as shares of it"
    )
    for kind, cost in above.items():
        print(f"  {kind:26} {cost:7.2f} {cost / empty:6.2f}")


def start():
    with tempfile.TemporaryDirectory() as folder:
        count(*START, cwd=folder).result()  # keeps what it compiles
        ours = count(*START, cwd=folder).result()
        without = count(*START, "-p", "no:taskq", cwd=folder).result()
    above = ours - without
    print(f"start-up: {above:.1f} millions above {without:.0f} ({above / without:.1%})")


PARTS = {"jobs": jobs, "tests": tests, "start": start}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    for part in parser.parse_args().only:
        PARTS[part]()


if __name__ == "__main__":
    main()
