"""What must not be hidden at the end of a test: exceptions of jobs, and jobs that never ran."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path, PurePath
from traceback import format_exception_only, format_tb, walk_tb
from typing import TYPE_CHECKING

from pytest_taskq.core.job import Job, State
from pytest_taskq.engine.interrupt import raised_by_a_statement
from pytest_taskq.testing.births import Birth, Births
from pytest_taskq.testing.describe import user_part
from pytest_taskq.testing.explain import listed
from pytest_taskq.testing.misfit import is_misfit
from pytest_taskq.testing.seen import SeenJob
from pytest_taskq.testing.text import plural

if TYPE_CHECKING:
    from pytest_taskq.engine.history import History
    from pytest_taskq.testing.environment import Environment

__all__ = ["check_end", "told_afterwards", "unseen_errors"]

NAMED = 5
MOCK = ("unittest", "mock.py")
CONFTEST = "conftest.py"
OURS = Path(__file__).parents[1]


def check_end(environment: Environment, kinds: Collection[str], own: Path | None) -> str:
    """Raise the exception that the test has not looked at, as far as its strictness asks.

    Other things that are not as they should be are returned as text.

    ``own``: in a test without the harness, its file. What a ``raise`` statement raised, in or
    under a function of this file, of a conftest or of a mock, is there on purpose, and so is a
    time limit; a NameError is not.
    """
    __tracebackhide__ = True
    if forgotten := environment.unawaited.told():
        return forgotten
    if "errors" in kinds:
        hidden = _hidden(environment, own)
        if hidden and not _has_frames(environment, *hidden[0]):
            return "".join(format_exception_only(hidden[0][1])) + "\n".join(_notes(hidden))
        if hidden:
            _raise(hidden, environment)
    if "unexecuted" in kinds:
        left = list(_unexecuted(environment))
        if left:
            return (
                f"{plural(len(left), 'job')} never ran:\n{listed(left)}\n"
                f"Drain the queue, or ask for less: @pytest.mark.taskq_strict('errors')."
            )
    return ""


def told_afterwards(environment: Environment, own: Path | None) -> str:
    """What to say of the exceptions since ``environment.call_is_over()``; see ``check_end``."""
    hidden = _hidden(environment, own)
    if not hidden:
        return ""
    error = hidden[0][1]
    traceback = format_tb(user_part(error.__traceback__) or error.__traceback__)
    when = "It was raised after the test itself, while its fixtures were torn down"
    return "\n".join(
        [
            "".join(format_exception_only(error)).rstrip(),
            *_notes(hidden),
            "".join([f"{when}:\n\n", *traceback]) if traceback else f"{when}.",
        ]
    )


def unseen_errors(environment: Environment) -> list[tuple[Job, BaseException]]:
    """The last exception of each job that has not got over it, where nobody looked at that."""
    return [
        attempt
        for app in environment.shown()
        if app.history.failed
        for attempt in _last_errors(app.history).values()
        if attempt not in environment.looked
    ]


def _hidden(environment: Environment, own: Path | None) -> list[tuple[Job, BaseException]]:
    return [each for each in unseen_errors(environment) if not _is_meant(each[1], own)]


def _last_errors(history: History) -> dict[Birth, tuple[Job, BaseException]]:
    """By job, unless a later attempt succeeded or somebody cancelled it."""
    last: dict[Birth, tuple[Job, BaseException]] = {}
    births = Births()
    for event in history:
        birth = births.of(event)
        if event.error is not None:
            last[birth] = (event.job, event.error)
        elif event.job.state in {State.SUCCEEDED, State.CANCELLED}:
            last.pop(birth, None)
    return last


def _is_meant(error: BaseException, own: Path | None) -> bool:
    frames = error.__traceback__
    if own is None:
        return False
    files = [PurePath(frame.f_code.co_filename) for frame, _ in walk_tb(frames)]
    if isinstance(error, TimeoutError) and (not files or OURS in files[-1].parents):
        return True  # a time limit that the test, or its task, has set
    return raised_by_a_statement(frames) and any(
        file == own or file.parts[-2:] == MOCK or file.name == CONFTEST for file in files
    )


def _has_frames(environment: Environment, job: Job, error: BaseException) -> bool:
    """Whether there is a line of the user's to be shown for it."""
    misfit = any(is_misfit(app, job, error) for app in environment.shown())
    return error.__traceback__ is not None and not misfit


def _raise(hidden: list[tuple[Job, BaseException]], environment: Environment) -> None:
    __tracebackhide__ = True
    error, notes = hidden[0][1], _notes(hidden)
    if not isinstance(error, Exception):
        text = "\n".join([f"{type(error).__name__} was {notes[0]}", *notes[1:]])
        raise AssertionError(text) from error
    before = getattr(error, "__notes__", [])
    error.__notes__ = [*before, *notes]
    # It may be an object of the module, which the next test raises too.
    environment.at_end(partial(setattr, error, "__notes__", before))
    raise error.with_traceback(user_part(error.__traceback__) or error.__traceback__)


def _notes(hidden: list[tuple[Job, BaseException]]) -> list[str]:
    (job, _), *others = hidden
    more = [f"and {len(others) - NAMED} more"] if len(others) > NAMED else []
    which = f"job #{job.id} ({job.task}), attempt {job.attempt}"
    return [
        f"raised by {which}, which no part of the test looked at",
        *[
            f"and {type(each).__name__} by job #{owner.id} ({owner.task})"
            for owner, each in others[:NAMED]
        ],
        *more,
        "Expect it with taskq.assert_outcome(), or mark the test with taskq_strict(False).",
    ]


def _unexecuted(environment: Environment) -> Iterator[SeenJob]:
    for app in environment.apps:
        for job in app.jobs():
            if job.state is State.QUEUED and job.attempt == 0 and job.due_at <= app.clock.now():
                yield SeenJob.of(environment.seen(app), job)
