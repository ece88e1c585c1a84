"""Lets the name of a queue library mean our facade for a run: an app's own `import docket`.

It has to begin before the first module of the user's is imported, and so before options are
checked; what is wrong is told later, by ``check_substitutes``.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from pytest_taskq.plugin.finders import ask_first
from pytest_taskq.plugin.fixtures import environment_of
from pytest_taskq.plugin.options import SUBSTITUTES, read_options, read_substitutes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["begin_substitutes", "check_substitutes", "leave", "surround"]

PROBLEM: pytest.StashKey[str] = pytest.StashKey()
AROUND: pytest.StashKey[ExitStack] = pytest.StashKey()
FACADES = {name: f"pytest_taskq.{name}" for name in SUBSTITUTES}


class Finder(MetaPathFinder):
    """Answers imports of libraries, and of what is inside, with what the facades have there."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, fullname: str, _path: object = None, _target: object = None
    ) -> ModuleSpec | None:
        """See ``MetaPathFinder``. Raises for a module that the facade has not."""
        library, dot, rest = fullname.partition(".")
        if library not in self._names:
            return None
        ours = f"{FACADES[library]}{dot}{rest}"
        if find_spec(ours) is None:
            raise ModuleNotFoundError(
                f"There is no {fullname} here. {library} is substituted by {FACADES[library]}, "
                f"which has no {rest}. Run the test with the real library: "
                f"--taskq-substitute=off.",
                name=fullname,
            )
        return ModuleSpec(fullname, _Alias(ours), is_package=True)


class _Alias(Loader):
    """Loads nothing: the module is there, under another name."""

    def __init__(self, ours: str) -> None:
        self._ours = ours
        self._spec: ModuleSpec | None = None

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        """The module of the facade."""
        module = import_module(self._ours)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back what the import system has written over."""
        module.__spec__ = self._spec


def begin_substitutes(config: pytest.Config) -> None:
    """From now on the chosen names mean ours."""
    names = [name for name in read_substitutes(config) if name in SUBSTITUTES]
    for name in names:
        loaded = sys.modules.get(name)
        if loaded is not None and loaded.__name__ == FACADES[name]:
            return  # somebody else has done the same
        if loaded is not None:
            config.stash[PROBLEM] = (
                f"taskq: {name} cannot be substituted. It is imported already, from "
                f"{getattr(loaded, '__file__', None)}, before any conftest.py. Find out which "
                f"plugin does that (python -X importtime), or give up the substitution."
            )
            return
    if names:
        ask_first(Finder(names), config)
        config.add_cleanup(_forget_aliases)


def check_substitutes(config: pytest.Config) -> None:
    """Raise UsageError when what was asked for could not be done."""
    if PROBLEM in config.stash:
        raise pytest.UsageError(config.stash[PROBLEM])


def surround(item: pytest.Item) -> None:
    """Give the apps of a test queues on its backend and its clock, until ``leave`` is called."""
    if not read_options(item.config).substitutes:
        return
    from pytest_taskq.docket import Docket

    around = item.stash[AROUND] = ExitStack()
    environment = environment_of(item, around.callback)
    around.callback(
        Docket.use_queues(
            lambda url, name: environment.queue_for((url, name)),
            lambda docket: environment.adopt(docket.under_test()),
        )
    )


def leave(item: pytest.Item) -> None:
    """Close what ``surround`` has opened."""
    around = item.stash.get(AROUND, None)
    if around is not None:
        around.close()


def _forget_aliases() -> None:
    """Let the names mean what they meant before."""
    ours = tuple(FACADES.values())
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in FACADES and module.__name__.startswith(ours):
            del sys.modules[name]
