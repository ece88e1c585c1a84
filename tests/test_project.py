"""README, `.ci/run`, tox.ini and pyproject.toml agree with each other."""

import os
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

from support.markdown import parse
from support.source import PACKAGE, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def shell_line(section: str) -> str:
    """The one shell line of a section of the README."""
    blocks = parse((ROOT / "README.md").read_text("utf-8"))
    (block,) = [b for b in blocks if b.heading == section and b.language == "sh"]
    (line,) = block.text.strip().splitlines()
    return line


def test_ci_runs_the_line_of_the_readme_and_nothing_else():
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    lines = [line for line in script if line and not line.startswith("#")]
    assert lines == [
        "set -euo pipefail",
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
        "exec < /dev/null",
        shell_line("Run the tests"),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
def test_ci_can_be_started():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("section", ["Try it", "Run the tests"])
def test_a_line_starts_from_a_bare_python(section: str):
    steps = shell_line(section).split(" && ")
    assert steps[0] == "python3 -m venv .venv"
    assert all(step.startswith(".venv/bin/python -m ") for step in steps[1:])


@pytest.mark.slow
def test_the_first_line_of_the_readme_runs_the_shop(tmp_path: Path):
    """Its last step; the steps before it set up what this suite already stands on."""
    words = shell_line("Try it").split(" && ")[-1].split()[1:]
    done = subprocess.run(
        [sys.executable, *words, "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'shop'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_tox_tries_the_oldest_releases_that_are_allowed():
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", "utf-8")
    tried = tox["testenv:lowest"]["deps"].split()
    allowed = [name.replace(">=", "==") for name in PROJECT["project"]["dependencies"]]
    assert [_without_zero(pin) for pin in tried] == allowed


def _without_zero(pin: str) -> str:
    return pin.removesuffix(".0") if pin.count(".") == 2 else pin


def test_all_means_every_extra():
    extras = PROJECT["project"]["optional-dependencies"]
    named = [each.partition("[")[2].rstrip("]").split(",") for each in extras["all"]]
    names = [name for names in named for name in names]
    assert sorted(names) == sorted(set(extras) - {"all"})


def test_the_plugin_can_be_switched_off_by_its_short_name():
    assert PROJECT["project"]["entry-points"]["pytest11"] == {"taskq": f"{PACKAGE}.plugin"}


def test_types_are_shipped():
    assert (ROOT / PACKAGE / "py.typed").exists()
