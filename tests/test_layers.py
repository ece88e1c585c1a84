"""The import contracts of pyproject.toml catch what they are there for.

That the package itself keeps them is the `lint-imports` line of test_quality.py. Here they are
tried on a toy house with the same rooms.
"""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from support.source import PACKAGE, ROOT

ROOMS = (
    "core",
    "docket",
    "engine",
    "plugin",
    "procrastinate",
    "servers",
    "soniq",
    "stores",
    "testing",
)
BREAKS = {
    "core/a.py": f"import {PACKAGE}.stores",
    "engine/b.py": f"import {PACKAGE}.stores",
    "stores/c.py": f"import {PACKAGE}.testing",
    "docket/d.py": f"import {PACKAGE}.soniq",
    "testing/e.py": "import pytest",
    "engine/f.py": "import _pytest.config",
    "docket/g.py": "import docket",
    "stores/h.py": "import redis.asyncio",
    "engine/i.py": "import hypothesis",
    "core/j.py": "import asyncio",
    "stores/k.py": "import pickle",
}


def lint(root: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "pyproject.toml", root)
    for room in ("", *ROOMS):
        (root / PACKAGE / room).mkdir(exist_ok=True)
        (root / PACKAGE / room / "__init__.py").touch()
    for path, text in files.items():
        (root / PACKAGE / path).parent.mkdir(exist_ok=True)
        (root / PACKAGE / path).write_text(text, "utf-8")
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    env = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return subprocess.run(
        [command, "--no-cache"],
        cwd=root,
        env=env | {"NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_tidy_house_is_kept(tmp_path: Path):
    done = lint(
        tmp_path,
        {
            "plugin/a.py": f"import pytest, {PACKAGE}.docket, {PACKAGE}.testing",
            "docket/a.py": f"import {PACKAGE}.engine, {PACKAGE}.stores, {PACKAGE}.core, pickle",
            "stores/sqlite.py": f"import sqlite3, {PACKAGE}.core",
            "stores/redis.py": "import redis.asyncio",
            "servers/__init__.py": "",
        },
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_every_break_is_told(tmp_path: Path):
    done = lint(tmp_path, BREAKS)
    assert done.returncode == 1
    for path in BREAKS:
        module = f"{PACKAGE}.{path.removesuffix('.py').replace('/', '.')}"
        assert f"{module} -> " in done.stdout, done.stdout


@pytest.mark.slow
def test_a_new_room_must_find_its_place(tmp_path: Path):
    done = lint(tmp_path, {"helpers/__init__.py": ""})
    assert done.returncode == 1
    assert f"{PACKAGE}.helpers" in done.stdout
