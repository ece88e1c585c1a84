"""The house rules hold in every file; and each rule is seen to catch what it is there for."""

import tomllib
from collections.abc import Callable, Iterable

import pytest

from support import tidy
from support.source import PACKAGE, ROOT, Source, python_files, texts

CODE = (PACKAGE, "tests", "benchmarks")


def check(offenders: Iterable[str]) -> None:
    found = sorted(set(offenders))
    assert not found, "\n".join(["", *found])


def test_no_file_is_too_long():
    check(tidy.file_too_long(python_files(*CODE)))


def test_no_function_is_too_long():
    check(tidy.function_too_long(python_files(*CODE)))


def test_every_file_opens_with_its_responsibility():
    check(tidy.no_opening_docstring(python_files(*CODE, "docs")))


def test_time_and_chance_come_in_as_arguments():
    check(tidy.reads_time_or_chance(python_files(PACKAGE)))


def test_a_private_path_stays_in_its_package():
    check(tidy.private_path_from_outside(python_files(*CODE, "docs")))


def test_nothing_of_pytest_that_is_private():
    check(tidy.imports_pytest_internals(python_files(*CODE, "docs")))


def test_every_public_module_lists_its_names():
    check(tidy.no_list_of_public_names(python_files(PACKAGE)))


def test_every_public_name_has_a_docstring():
    check(tidy.no_docstring(python_files(PACKAGE)))


def test_no_module_is_dead():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    entry = project["entry-points"]["pytest11"]["taskq"]
    users = python_files("tests", "benchmarks", "docs")
    check(tidy.dead_module(python_files(PACKAGE), users, entry))


def test_no_marker_is_left_over():
    check(tidy.leftover_marker(python_files(*CODE, "docs")))


def test_nothing_destroys_a_database():
    check(tidy.destroys_a_database(python_files(*CODE, "docs")))


def test_no_path_of_one_machine():
    check(tidy.path_of_one_machine(texts()))


def test_no_address_of_a_registry():
    check(tidy.registry_address(texts()))


def source(text: str, path: str = f"{PACKAGE}/engine/queue.py") -> Source:
    return Source(path, text)


HOME = "/" + "home/ann/taskq"
BAD = [
    (tidy.file_too_long, "x = 1\n" * 301),
    (tidy.function_too_long, "def f():\n" + "    x = 1\n" * 50),
    (tidy.function_too_long, "class A:\n    async def f(self):\n" + "        x = 1\n" * 50),
    (tidy.no_opening_docstring, "x = 1"),
    (tidy.reads_time_or_chance, "import datetime\ndatetime.datetime.now()"),
    (tidy.reads_time_or_chance, "from datetime import datetime as d\nd.now(tz=UTC)"),
    (tidy.reads_time_or_chance, "from datetime import date\ndate.today()"),
    (tidy.reads_time_or_chance, "import time as t\ndef f(clock=t.time): ..."),
    (tidy.reads_time_or_chance, "from time import monotonic"),
    (tidy.reads_time_or_chance, "import asyncio\nasync def f():\n    await asyncio.sleep(0)"),
    (tidy.reads_time_or_chance, "import random\nrandom.choice([1])"),
    (tidy.reads_time_or_chance, "from random import uniform"),
    (tidy.reads_time_or_chance, "from random import Random\nrng = Random()"),
    (tidy.private_path_from_outside, f"from {PACKAGE}.stores._sql import rows"),
    (tidy.private_path_from_outside, f"from {PACKAGE}.stores import _sql"),
    (tidy.private_path_from_outside, f"import {PACKAGE}.stores._sql"),
    (tidy.private_path_from_outside, "from ..stores._sql import rows"),
    (tidy.private_path_from_outside, f"from {PACKAGE}.core.job import _hidden"),
    (tidy.imports_pytest_internals, "from _pytest.config import Config"),
    (tidy.imports_pytest_internals, "import _pytest.config"),
    (tidy.no_list_of_public_names, "def f(): ..."),
    (tidy.no_docstring, "def f(): ..."),
    (tidy.no_docstring, "class A: ..."),
    (tidy.no_docstring, "class A:\n    'a'\n    def f(self): ..."),
    (tidy.leftover_marker, "x = 1  # " + "TO" + "DO: later"),
    (tidy.destroys_a_database, "send('flush" + "all')"),
    (tidy.destroys_a_database, "sql = 'DROP " + "DATABASE x'"),
    (tidy.path_of_one_machine, f"open('{HOME}')"),
    (tidy.registry_address, "pip install --index" + "-url https://example.org"),
]
GOOD = [
    (tidy.file_too_long, "x = 1\n" * 300),
    (tidy.function_too_long, "def f():\n" + "    x = 1\n" * 49),
    (tidy.no_opening_docstring, "'''Runs.'''"),
    (tidy.reads_time_or_chance, "import time\ntime.perf_counter()"),
    (tidy.reads_time_or_chance, "def f(clock):\n    return clock.now()"),
    (tidy.reads_time_or_chance, "import random\ndef f(seed) -> random.Random: random.Random(seed)"),
    (tidy.private_path_from_outside, f"from {PACKAGE}.engine._loop import spin"),
    (tidy.private_path_from_outside, f"from {PACKAGE}.core.job import Job"),
    (tidy.private_path_from_outside, "from __future__ import annotations"),
    (tidy.imports_pytest_internals, "import pytest"),
    (tidy.no_list_of_public_names, "__all__ = ['f']\ndef f(): ..."),
    (tidy.no_docstring, "def _f(): ..."),
    (
        tidy.no_docstring,
        "class A:\n    'a'\n    def f(self): 'f'\nclass B(A):\n    'b'\n    def f(self): ...",
    ),
    (
        tidy.no_docstring,
        "import json\nclass A(json.JSONEncoder):\n    'a'\n    def default(self, o): ...",
    ),
    (tidy.no_docstring, "def f():\n    'f'\n    def inner(): ..."),
    (tidy.leftover_marker, "TO" + "DO = 'todo'"),
    (tidy.path_of_one_machine, "url = 'https://example.org{}home/page'".format("/")),
]


def name_of(value: object) -> str | None:
    return value.__name__ if callable(value) else ""


@pytest.mark.parametrize(("rule", "text"), BAD, ids=name_of)
def test_a_rule_catches(rule: Callable[..., Iterable[str]], text: str):
    job = source("'''What a job is.'''", f"{PACKAGE}/core/job.py")
    assert [found for found in rule([source(text), job]) if "queue.py:" in found]


@pytest.mark.parametrize(("rule", "text"), GOOD, ids=name_of)
def test_a_rule_lets_pass(rule: Callable[..., Iterable[str]], text: str):
    assert list(rule([source(text)])) == []


@pytest.mark.parametrize("path", sorted(tidy.MAY_READ_TIME))
def test_these_files_may_read_the_time(path: str):
    assert list(tidy.reads_time_or_chance([source("import time\ntime.time()", path)])) == []


def test_a_test_may_reach_into_the_package_that_it_mirrors():
    text = f"from {PACKAGE}.stores._sql import rows"
    assert not list(tidy.private_path_from_outside([source(text, "tests/stores/test_sql.py")]))
    assert list(tidy.private_path_from_outside([source(text, "tests/engine/test_queue.py")]))


def test_a_module_that_nobody_imports_is_dead():
    alone = source("", f"{PACKAGE}/engine/_old.py")
    used = source("", f"{PACKAGE}/engine/new.py")
    user = source(f"from {PACKAGE}.engine import new", "tests/engine/test_new.py")
    entry = f"{PACKAGE}.plugin"
    assert list(tidy.dead_module([alone, used], [user], entry)) == [
        f"{PACKAGE}/engine/_old.py:1: nobody imports {PACKAGE}.engine._old"
    ]
    assert list(tidy.dead_module([used], [], entry))


@pytest.mark.parametrize("text", [".engine.new", f"{PACKAGE}.engine.new"])
def test_a_module_named_in_a_string_is_alive(text: str):
    door = source(f"LAZY = '{text}'", f"{PACKAGE}/__init__.py")
    new = source("", f"{PACKAGE}/engine/new.py")
    assert not list(tidy.dead_module([door, new], [], f"{PACKAGE}.plugin"))
