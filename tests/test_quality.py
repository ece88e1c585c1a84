"""Style, types, layers and documentation: the commands of tox.ini, run by the one test command."""

import os
import re
import subprocess
import sys
import sysconfig
from configparser import ConfigParser
from pathlib import Path

import pytest

from support.source import ROOT


def commands(environment: str) -> list[str]:
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", "utf-8")
    return tox[f"testenv:{environment}"]["commands"].strip().splitlines()


def run(command: str, scratch: Path) -> subprocess.CompletedProcess[str]:
    """A command line of tox.ini, with the tools that are installed beside this Python."""
    words = command.replace("{env_tmp_dir}", str(scratch)).split()
    words[0] = sys.executable if words[0] == "python" else _script(words[0])
    env = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return subprocess.run(
        words, cwd=ROOT, env=env | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )


def _script(name: str) -> str:
    path = Path(sysconfig.get_path("scripts")) / name
    return str(path.with_suffix(".exe") if sys.platform == "win32" else path)


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for env in ("lint", "types", "docs") for c in commands(env)])
def test_passes(command: str, tmp_path: Path):
    done = run(command, tmp_path)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_nothing_is_left_unchecked():
    tools = " ".join(c for env in ("lint", "types", "docs") for c in commands(env))
    for tool in ("ruff check", "ruff format --check", "lint-imports", "mypy", "sphinx -W"):
        assert tool in tools


def test_every_exception_of_the_linter_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    start = text.index("ignore = [", text.index("[tool.ruff.lint]"))
    exceptions = text[start : text.index("[tool.ruff.lint.flake8-annotations]")]
    codes = re.findall(r'^  "[A-Z]+[0-9]*",.*$', exceptions, re.MULTILINE)
    assert codes
    assert [line for line in codes if "# " not in line] == []
