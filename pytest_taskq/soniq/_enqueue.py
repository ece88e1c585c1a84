"""From a call of ``enqueue`` to the engine's job: what was asked for, and what is allowed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pytest_taskq.core.errors import describe_names
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.core.job import Hold, Job, State
from pytest_taskq.engine.queue import Queue
from pytest_taskq.soniq._arguments import as_stored, fingerprint
from pytest_taskq.soniq._registry import (
    Registration,
    check_model,
    check_name,
    labels_of,
    name_of,
)
from pytest_taskq.soniq._rows import AT_ONCE, check_priority, producer_id
from pytest_taskq.soniq.errors import SONIQ_UNKNOWN_TASK_NAME, SoniqError
from pytest_taskq.soniq.settings import SoniqSettings
from pytest_taskq.soniq.task_ref import TaskRef

__all__ = ["Called", "Options", "Target", "When", "called", "each_of", "known", "new_job"]

Target = Callable[..., Any] | str | TaskRef
When = datetime | timedelta | float | None
QUEUED = frozenset({State.QUEUED})


class Options(NamedTuple):
    """What ``enqueue`` was told besides the arguments; None stands for the registered value."""

    queue: str | None = None
    priority: int | None = None
    scheduled_at: When = None
    unique: bool | None = None
    dedup_key: str | None = None


class Called(NamedTuple):
    """Which job was meant, and with what: a function, a name, or a reference."""

    name: str
    args: dict[str, Any]
    ref: TaskRef | None = None


def called(
    target: Target, args: dict[str, Any] | None, kwargs: dict[str, Any], pattern: str
) -> Called:
    """The name and the arguments of a call; TypeError for a mixture of its two forms."""
    if callable(target) and not isinstance(target, TaskRef):
        if args is not None:
            raise TypeError(
                "enqueue() of a function takes its arguments as keywords. It was given args=. "
                "Write the arguments out, or enqueue the job by its name."
            )
        return Called(name_of(target), kwargs)
    if not isinstance(target, TaskRef | str):
        raise TypeError(
            f"enqueue() needs a registered function, its name or a TaskRef. "
            f"It was given a {type(target).__name__}. Register a function with @app.job()."
        )
    if kwargs:
        raise TypeError(
            f"enqueue() of a name takes its arguments as args={{...}}. It was given "
            f"{', '.join(kwargs)} as keywords. Write enqueue({target!r}, args={kwargs!r})."
        )
    if args is not None and not isinstance(args, dict):
        raise TypeError(
            f"The args of enqueue() are a dict. They are a {type(args).__name__}. "
            f"Write the names of the arguments with their values."
        )
    if isinstance(target, TaskRef):
        return Called(target.name, args or {}, target)
    return Called(check_name(target, pattern), args or {})


def known(
    call: Called,
    registered: Mapping[str, Registration],
    settings: SoniqSettings,
    warned: set[str],
) -> Registration | None:
    """The registration of a name. Without one, what the setting enqueue_validation says.

    A reference stands for a job that need not be registered here. ``warned``: the names that a
    warning was given of, which is done once for each.
    """
    name = call.name
    registration = registered.get(name)
    if registration is None and call.ref is None and settings.enqueue_validation != "none":
        problem = f"No job is registered under the name {name!r}."
        if settings.enqueue_validation == "warn":
            if name not in warned:
                warned.add(name)
                logging.getLogger(__name__).warning("%s It is enqueued all the same.", problem)
        else:
            raise SoniqError(
                problem,
                SONIQ_UNKNOWN_TASK_NAME,
                {"task_name": name},
                [describe_names(name, registered), "Register it with @app.job() before."],
            )
    return registration


def new_job(
    queue: Queue,
    settings: SoniqSettings,
    call: Called,
    job: Registration | None,
    options: Options,
) -> Job:
    """The job to enqueue.

    Raises SoniqError for arguments that do not fit or are no JSON, BadOption for a bad option.
    """
    name, ref = call.name, call.ref
    if ref is not None:
        if ref.args_model is not None:
            check_model(name, ref.args_model, call.args)
    elif job is not None:
        job.check(call.args)
    if job is not None:
        labels, priority, queue_name, unique = job.labels, job.priority, job.queue, job.unique
    else:
        labels, priority = labels_of(settings.max_retries + 1), settings.priority
        queue_name, unique = "default", False
    if ref is not None and ref.default_queue is not None:
        queue_name = ref.default_queue
    if options.priority is not None:
        priority = check_priority(options.priority)
    payload = as_stored(name, call.args)
    labels = {**labels, "producer_id": producer_id(settings.producer_id)}
    holds: tuple[Hold, ...] = ()
    if unique if options.unique is None else options.unique:
        labels["args_hash"] = fingerprint(name, call.args)
        holds = (Hold(f"unique {name} {labels['args_hash']}", QUEUED),)
    if options.dedup_key:
        labels["dedup_key"] = options.dedup_key
        holds += (Hold(f"dedup {options.dedup_key}", QUEUED),)
    due_at = _instant(options.scheduled_at, queue)
    return queue.new_job(
        name,
        payload=payload,
        queue=queue_name if options.queue is None else options.queue,
        priority=-priority,
        due_at=due_at,
        rank=AT_ONCE if due_at is None else due_at,
        holds=holds,
        labels=labels,
    )


def each_of(args_list: list[dict[str, Any]], job: Registration | None, name: str) -> None:
    """Refuse what ``enqueue_many`` cannot do: TypeError."""
    if not isinstance(args_list, list):
        raise TypeError(
            f"enqueue_many() takes a list of dicts. It was given a {type(args_list).__name__}. "
            f"Write one dict of arguments for each job."
        )
    for place, args in enumerate(args_list):
        if not isinstance(args, dict):
            raise TypeError(
                f"enqueue_many() takes a list of dicts. Number {place} is a "
                f"{type(args).__name__}. Write the names of the arguments with their values."
            )
    if job is not None and job.unique:
        raise TypeError(
            f"enqueue_many() cannot look for duplicates. {name!r} is registered as unique. "
            f"Call enqueue() for each job."
        )


def _instant(when: When, queue: Queue) -> int | None:
    if when is None:
        return None
    if isinstance(when, timedelta | int | float):
        return queue.clock.now() + to_micros(when)
    return to_instant(when)
