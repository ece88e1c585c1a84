"""``job(...)``: the one noun for what a test expects, refutes, enqueues, performs or breaks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from math import isnan
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_taskq.core.errors import BadOption, describe_names
from pytest_taskq.testing.binding import parameters_of
from pytest_taskq.testing.shown import show
from pytest_taskq.testing.text import in_one_line

if TYPE_CHECKING:
    from pytest_taskq.engine.under_test import AppUnderTest, TaskInfo

__all__ = [
    "JobPattern",
    "Mismatch",
    "alike",
    "job",
    "name_of",
    "pattern_alone",
    "pattern_of",
    "unreadable",
]

PREDICATES = (FunctionType, MethodType, BuiltinFunctionType, partial)
_ABSENT = object()


class Mismatch(NamedTuple):
    """One field of a job beside what was expected of it.

    ``ok``: they agree. ``missing``: the job has no such field.
    """

    field: str
    expected: object
    got: object
    ok: bool
    note: str = ""
    missing: bool = False

    def noted(self, note: str) -> Mismatch:
        """The same with one more note."""
        return self._replace(note=f"{self.note}, {note}" if self.note else note)


class JobPattern:
    """What ``job()`` gives. Equal to every job it matches: ``assert ran == [job(charge)]``."""

    __slots__ = ("_bound", "args", "kwargs", "task")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, task: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.task = task
        self.args = args
        self.kwargs = kwargs
        self._bound: tuple[TaskInfo | None, dict[str, Any]] | None = None

    def __eq__(self, other: object) -> bool:
        compare = getattr(other, "compare", None)
        if compare is None or isinstance(other, JobPattern):
            return NotImplemented
        return bool(compare(self).matches)

    def __repr__(self) -> str:
        parts = [name_of(self.task), *map(show, self.args)]
        parts += [f"{key}={show(value)}" for key, value in self.kwargs.items()]
        return f"job({', '.join(parts)})"

    def is_of(self, app: AppUnderTest, task: str) -> bool:
        """Whether jobs of that task of the app can match."""
        return task == (self.task if isinstance(self.task, str) else app.name_of(self.task))

    def expected(self, info: TaskInfo | None) -> dict[str, Any]:
        """The expected values by parameter, bound as the task would bind them.

        Raises BadOption for arguments that the task cannot take.
        """
        if self._bound is None or self._bound[0] is not info:
            self._bound = info, self._bind(info)
        return self._bound[1]

    def _bind(self, info: TaskInfo | None) -> dict[str, Any]:
        if not (self.args or self.kwargs):
            return {}
        parameters = parameters_of(info)
        if parameters is None:
            return {**{f"args[{at}]": value for at, value in enumerate(self.args)}, **self.kwargs}
        try:
            return parameters.bind_partial(self.args, self.kwargs)
        except TypeError as error:
            raise _not_takable(self, parameters.names, error) from None


def job(task: object, /, *args: Any, **kwargs: Any) -> JobPattern:
    """A job of a task, a function or a name, with these arguments among others.

    Only what is named counts, in nested dicts too. A value can be anything that compares:
    ``mock.ANY``, ``pytest.approx``, dirty-equals; a compiled pattern, which is searched for; a
    class, of which the value is to be; or a function, which is asked.

        taskq.assert_enqueued(job(charge, cart_id=7, card={"token": ANY}))
    """
    if isinstance(task, JobPattern):
        raise BadOption(
            f"job() takes a task and its arguments. It was given {task!r}. Use that as it is."
        )
    return JobPattern(task, args, kwargs)


def pattern_of(wanted: object) -> JobPattern:
    """The pattern itself, or that of all jobs of a task."""
    return wanted if isinstance(wanted, JobPattern) else job(wanted)


def pattern_alone(
    call: str, option: str, wanted: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> JobPattern:
    """The pattern of what a call of the harness was given. Raises BadOption for anything beside."""
    pattern = pattern_of(wanted)
    if not args and not kwargs:
        return pattern
    whole = JobPattern(pattern.task, (*pattern.args, *args), {**pattern.kwargs, **kwargs})
    beside = [*map(show, args), *(f"{key}={show(value)}" for key, value in kwargs.items())]
    meant = f", or {option}={beside[0]} if that was meant" if len(args) == 1 and not kwargs else ""
    raise BadOption(
        f"taskq.{call}() takes one job, and {option}=. It was given {', '.join(beside)} as well. "
        f"Write taskq.{call}({whole!r}){meant}."
    )


def name_of(task: object) -> str:
    """A task as its reader would call it."""
    if isinstance(task, str):
        return task
    return str(getattr(task, "name", None) or getattr(task, "__name__", None) or in_one_line(task))


def compare(expected: Mapping[str, Any], got: Mapping[str, Any]) -> list[Mismatch]:
    """Each expected value beside the one that came, dicts by their parts."""
    return [
        each
        for name, value in expected.items()
        for each in _compare_whole(name, value, got.get(name, _ABSENT))
    ]


def unreadable(expected: Mapping[str, Any], error: Exception) -> list[Mismatch]:
    """The fields of a job whose payload cannot be read."""
    note = f"not readable: {type(error).__name__}: {in_one_line(error, str)}"
    return [Mismatch(*each, None, ok=False, note=note, missing=True) for each in expected.items()]


def alike(expected: object, got: object) -> bool:
    """Whether a value is as expected."""
    return all(each.ok for each in _compare_whole("", expected, got))


def _compare_whole(path: str, expected: Any, got: Any) -> list[Mismatch]:
    try:
        return _compare_value(path, expected, got, ())
    except RecursionError:  # of too many values in one another
        return [_compare_undivided(path, expected, got)]


def _compare_value(
    path: str, expected: Any, got: Any, inside: tuple[tuple[Any, Any], ...]
) -> list[Mismatch]:
    """``inside``: the pairs that these two are parts of, themselves perhaps."""
    if got is _ABSENT:
        return [Mismatch(path, expected, None, ok=False, missing=True)]
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        parts = [
            (_join(path, key), value, got.get(key, _ABSENT)) for key, value in expected.items()
        ]
    elif isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        if len(expected) != len(got):
            return [Mismatch(path, expected, got, ok=False)]
        pairs = enumerate(zip(expected, got, strict=True))
        parts = [(f"{path}[{at}]", e, g) for at, (e, g) in pairs]
    else:
        return [_compare_undivided(path, expected, got)]
    if not parts or any(e is expected and g is got for e, g in inside):
        return [Mismatch(path, expected, got, ok=True)]
    inside = (*inside, (expected, got))
    return [each for part in parts for each in _compare_value(*part, inside)]


def _compare_undivided(path: str, expected: Any, got: Any) -> Mismatch:
    ok, note = _agrees(expected, got)
    if not ok and not note and _look_alike(expected, got):
        note = "differs only in type"
    return Mismatch(path, expected, got, ok, note)


def _look_alike(expected: object, got: object) -> bool:
    if type(expected) is type(got):
        return False
    return in_one_line(expected, str) == in_one_line(got, str)


def _agrees(expected: Any, got: Any) -> tuple[bool, str]:
    # A payload keeps no identity, and so a nan in it is never the one that was given.
    if expected is got or all(isinstance(it, float) and isnan(it) for it in (expected, got)):
        return True, ""
    try:
        if isinstance(expected, re.Pattern):
            return isinstance(got, str | bytes) and expected.search(got) is not None, ""
        if isinstance(expected, PREDICATES):
            return _is_true_for(expected, got)
        # A metaclass may compare as it likes: the classes of dirty-equals do.
        if isinstance(expected, type) and type(expected).__eq__ is type.__eq__:
            return isinstance(got, expected), ""
        return bool(expected == got), ""
    except Exception as error:  # noqa: BLE001 - a comparison that fails is told, not raised
        return False, f"comparing raised {type(error).__name__}: {in_one_line(error, str)}"


def _is_true_for(predicate: Callable[[Any], Any], got: Any) -> tuple[bool, str]:
    answer = predicate(got)
    if inspect.iscoroutine(answer):
        answer.close()
        return False, "an async function cannot be asked"
    return bool(answer), ""


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _not_takable(pattern: JobPattern, names: list[str], error: TypeError) -> BadOption:
    takes = f"It takes {', '.join(names)}" if names else "It takes no arguments"
    unknown = [key for key in pattern.kwargs if key not in names]
    nearest = f" {describe_names(unknown[0], names)}" if unknown and names else ""
    return BadOption(
        f"No job of this task can be {pattern!r}: {error}. {takes}.{nearest} "
        f"Write it as the task is called."
    )
