"""The plugin's markers, and what their arguments mean. A wrong one fails its test, in one line."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_taskq.plugin.options import BACKENDS, STRICT

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_taskq.engine.clock import Mode

__all__ = [
    "MARKERS",
    "TimeMark",
    "marked_backends",
    "marked_noblock",
    "marked_strict",
    "time_mark",
]

MARKERS = (
    'taskq_time(start=None, mode="held"): clock of one test; mode is held, auto or real',
    "taskq_strict(*kinds): what it may not leave unseen: errors, unexecuted, tasks, exceptions",
    "taskq_noblock(seconds=0.05): how long one step of the event loop may take, in real seconds",
    "taskq_backend(*names): run one test on those of the run's stores; on all it names if on none",
)
MODES = ("auto", "held", "real")
CLOSEST: pytest.StashKey[tuple[int, dict[str, pytest.Mark]]] = pytest.StashKey()


class TimeMark(NamedTuple):
    """The arguments of ``@pytest.mark.taskq_time``: ``start`` None begins at the present."""

    start: datetime | None = None
    mode: Mode = "held"


def _closest(node: pytest.Item, name: str) -> pytest.Mark | None:
    """The closest marker of a name. Pytest walks up to the session for each; this once for all."""
    count, marks = node.stash.get(CLOSEST, (-1, {}))
    if count != len(node.own_markers):  # a fixture may add one
        marks = {}
        for place in node.iter_parents():
            for mark in place.own_markers:
                marks.setdefault(mark.name, mark)
        node.stash[CLOSEST] = len(node.own_markers), marks
    return marks.get(name)


def marked_backends(node: pytest.Item) -> tuple[str, ...]:
    """The backends that the closest ``taskq_backend`` marker of a test names; none without one."""
    mark = _closest(node, "taskq_backend")
    if mark is None:
        return ()
    wrong = [name for name in mark.args if name not in BACKENDS]
    if wrong or mark.kwargs or not mark.args:
        found = ", ".join([*map(repr, wrong or mark.args), *mark.kwargs]) or "nothing"
        pytest.fail(
            f"{node.nodeid}: the marker taskq_backend takes names of backends. It was given "
            f"{found}. The backends are: {', '.join(BACKENDS)}.",
            pytrace=False,
        )
    return tuple(dict.fromkeys(mark.args))


def marked_strict(node: pytest.Item) -> frozenset[str] | None:
    """The kinds of the closest ``taskq_strict`` marker; None without one."""
    mark = _closest(node, "taskq_strict")
    if mark is None:
        return None
    if mark.args == (False,) and not mark.kwargs:
        return frozenset()
    wrong = [kind for kind in mark.args if kind not in STRICT]
    if wrong or mark.kwargs or not mark.args:
        found = ", ".join([*map(repr, wrong or mark.args), *mark.kwargs]) or "nothing"
        pytest.fail(
            f"{node.nodeid}: the marker taskq_strict takes what must be looked at. It was given "
            f"{found}. Name some of {', '.join(STRICT)}, or say False.",
            pytrace=False,
        )
    return frozenset(mark.args)


def marked_noblock(node: pytest.Item) -> float | None:
    """How long a step of the loop may take in this test; None for any time."""
    mark = _closest(node, "taskq_noblock")
    if mark is None:
        return None
    given = [*mark.args, *(mark.kwargs[name] for name in mark.kwargs if name == "seconds")] or [
        0.05
    ]
    is_number = type(given[0]) in {int, float}
    if len(given) > 1 or set(mark.kwargs) - {"seconds"} or not is_number or given[0] <= 0:
        found = ", ".join([*map(repr, mark.args), *(f"{k}={v!r}" for k, v in mark.kwargs.items())])
        pytest.fail(
            f"{node.nodeid}: the marker taskq_noblock takes a number of seconds above 0. It was "
            f"given {found}. Write for instance @pytest.mark.taskq_noblock(0.05).",
            pytrace=False,
        )
    return float(given[0])


def time_mark(node: pytest.Item) -> TimeMark | None:
    """The closest ``taskq_time`` marker of a test. A wrong one fails the test, in one line."""
    mark = _closest(node, "taskq_time")
    if mark is None:
        return None
    names = ("start", "mode")
    given: dict[str, Any] = {**dict(zip(names, mark.args, strict=False)), **mark.kwargs}
    wrong = sorted(set(given) - set(names))
    mode, start = given.get("mode", "held"), given.get("start")
    problem = None
    if len(mark.args) > len(names) or set(names[: len(mark.args)]) & set(mark.kwargs):
        problem = f"It was given {len(mark.args)} positional arguments and {sorted(mark.kwargs)}"
    elif wrong:
        problem = f"It was given {', '.join(wrong)}"
    elif mode not in MODES:
        problem = f"It was given mode={mode!r}, which is none of {', '.join(MODES)}"
    elif mode == "real" and start is not None:
        problem = "It was given a start and mode='real', and a real clock cannot start elsewhere"
    else:
        try:
            start = _instant(start)
        except (TypeError, ValueError) as error:
            problem = f"It was given start={start!r} ({error})"
            if start in MODES:
                problem += f"; did you mean mode={start!r}?"
    if problem is not None:
        pytest.fail(
            f"{node.nodeid}: the marker taskq_time takes start and mode. {problem}. "
            f'Write for instance @pytest.mark.taskq_time("2030-01-01T12:00:00+00:00").',
            pytrace=False,
        )
    return TimeMark(start=start, mode=mode)


def _instant(start: object) -> datetime | None:
    """A start as an aware datetime; a text without an offset is UTC."""
    from datetime import datetime

    if start is None:
        return None
    if isinstance(start, str):
        moment = datetime.fromisoformat(start)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not isinstance(start, datetime):
        raise TypeError(f"a datetime or a text is needed, not {type(start).__name__}")
    if start.tzinfo is None:
        raise ValueError("a datetime without a time zone is no instant")
    return start
