"""What a user may import is there, and importing it costs next to nothing."""

import importlib
import json
import subprocess
import sys

import pytest

from support.source import PACKAGE, python_files

HEAVY = (
    "asyncio", "asyncpg", "fakeredis", "freezegun", "hypothesis", "pytest", "redis", "sqlite3",
    f"{PACKAGE}.core", f"{PACKAGE}.engine", f"{PACKAGE}.stores",
)  # fmt: skip
EXTRAS = ("asyncpg", "fakeredis", "hypothesis", "redis", "time_machine", "procrastinate", "soniq")
PUBLIC = [source.module for source in python_files(PACKAGE) if source.is_public]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_listed_name_is_there(name: str):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        pytest.skip(f"{error.name} is not installed")
    assert [listed for listed in module.__all__ if not hasattr(module, listed)] == []
    assert len(set(module.__all__)) == len(module.__all__)


def test_the_front_door_offers_what_it_lists_and_says_so():
    door = importlib.import_module(PACKAGE)
    assert set(door.__all__) <= set(dir(door))


def test_an_unknown_name_is_an_ordinary_error():
    with pytest.raises((AttributeError, ImportError), match="no_such_name"):
        _ = importlib.import_module(PACKAGE).no_such_name


def test_importing_the_package_imports_nothing_heavy():
    program = f"import {PACKAGE}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert [name for name in json.loads(done.stdout) if name in HEAVY] == []
