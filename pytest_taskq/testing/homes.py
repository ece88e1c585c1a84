"""Which of the apps under test has a task, and whether a job of it can be as a test says."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_taskq.core.errors import BadOption, describe_names
from pytest_taskq.testing.matching import JobPattern, name_of

if TYPE_CHECKING:
    from pytest_taskq.engine.under_test import AppUnderTest

__all__ = ["check_pattern", "home_of", "is_task"]


def home_of(apps: Sequence[AppUnderTest], pattern: JobPattern) -> tuple[AppUnderTest, str]:
    """The app whose task it is, and the name that it has there.

    Of several with such a task, the first that takes the arguments. Where there is none, a
    function is registered with the first app that would do so when it is scheduled. Raises
    BadOption when there is none either.
    """
    homes = list(_homes(apps, pattern))
    if homes:
        return next((home for home in homes if _refusal(home, pattern) is None), homes[0])
    task, name = pattern.task, name_of(pattern.task)
    if not isinstance(task, str):
        names = ((app, app.register(task)) for app in apps)
        registered = next(((app, name) for app, name in names if name is not None), None)
        if registered is not None:
            return registered
        name = next(filter(None, (app.name_of(task) for app in apps)), name)
    raise BadOption(
        f"There is no task {name!r}. {describe_names(name, _known(apps))} "
        f"Register it on the app of the test, or correct the name."
    )


def check_pattern(apps: Sequence[AppUnderTest], pattern: JobPattern) -> str:
    """What may be wrong with the name of its task, as a sentence; nothing most of the time.

    Raises BadOption for arguments that no such task takes.
    """
    homes = list(_homes(apps, pattern))
    refusals = [_refusal(home, pattern) for home in homes]
    if refusals and None not in refusals and refusals[0] is not None:
        raise refusals[0]
    task = pattern.task
    if homes or not isinstance(task, str):
        return ""
    known = _known(apps)
    if not get_close_matches(task, known, cutoff=0.7):
        return ""
    return f"There is no task {task!r}. {describe_names(task, known)}"


def is_task(apps: Sequence[AppUnderTest], thing: object) -> bool:
    """Whether a thing is a task or a reference to one, and no function that only has its name.

    A string is a name of one. It need not be a task of these apps, if it can be enqueued itself.
    """
    if isinstance(thing, str) or any(_has(thing, way) for way in ("defer", "enqueue")):
        return True
    homes = _homes(apps, JobPattern(thing, (), {}))
    return any(not callable(thing) or _runs(app, name, thing) for app, name in homes)


def _has(thing: object, attribute: str) -> bool:
    """Whether it has this itself: a mock has whatever it is asked for."""
    return inspect.getattr_static(thing, attribute, None) is not None


def _runs(app: AppUnderTest, name: str, thing: object) -> bool:
    own = app.tasks()[name].function
    return own is not None and any(own is each for each in (thing, _unwrapped(thing)))


def _unwrapped(thing: object) -> object:
    return inspect.unwrap(thing) if inspect.isfunction(thing) else thing


def _known(apps: Sequence[AppUnderTest]) -> list[str]:
    return [name for app in apps for name in app.tasks()]


def _homes(apps: Sequence[AppUnderTest], pattern: JobPattern) -> Iterator[tuple[AppUnderTest, str]]:
    for app in apps:
        task = pattern.task
        name = task if isinstance(task, str) else app.name_of(task)
        if name is not None and name in app.tasks():
            yield app, name


def _refusal(home: tuple[AppUnderTest, str], pattern: JobPattern) -> BadOption | None:
    app, name = home
    try:
        pattern.expected(app.tasks()[name])
    except BadOption as refusal:
        return refusal
    return None
