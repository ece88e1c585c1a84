"""The jobs of an app: what was registered under each name, and which arguments fit."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq._rows import check_priority
from pytest_taskq.soniq.errors import (
    SONIQ_INVALID_TASK_NAME,
    SONIQ_TASK_ARGS_INVALID,
    SoniqError,
)
from pytest_taskq.soniq.job import JobContext
from pytest_taskq.soniq.retry import Delay, check_seconds

__all__ = [
    "JobOptions",
    "JobRegistry",
    "Registration",
    "check_model",
    "check_name",
    "labels_of",
    "name_of",
    "registration",
]

COLLECTING = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
REFUSALS = (TypeError, ValueError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What ``app.job()`` was told; what it does not know is in ``others``."""

    name: str | None = None
    retries: int = 3
    max_retries: int | None = None
    args_model: type[Any] | None = None
    validate: type[Any] | None = None
    priority: int = 100
    queue: str = "default"
    unique: bool = False
    retry_delay: Delay = 0
    retry_backoff: bool = False
    retry_max_delay: float | None = None
    retry_jitter: bool = True
    timeout: float | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.most) is not int or self.most < 0:
            raise BadOption(
                f"The retries of a job are a whole number from 0 up. They are {self.most!r}. "
                f"Write max_retries=0 for one attempt only."
            )
        check_priority(self.priority)
        delays = self.retry_delay
        check_seconds(
            "retry_delay", tuple(delays) if isinstance(delays, list | tuple) else (delays or 0,)
        )
        for name in ("timeout", "retry_max_delay"):
            value = getattr(self, name)
            check_seconds(name, () if value is None else (value,))

    @property
    def most(self) -> int:
        """How many retries there are."""
        return self.retries if self.max_retries is None else self.max_retries


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One name with its function and options.

    ``context``: the parameter that gets the JobContext. ``signature``: the other parameters,
    and ``required`` and ``accepted`` the names among them, for a quick look. ``model``: what
    the arguments must fit in place of the signature. ``meta``: what a retry policy sees.
    """

    name: str
    function: Callable[..., Any]
    max_attempts: int
    priority: int
    queue: str
    unique: bool
    timeout: float | None
    model: type[Any] | None
    context: str | None
    signature: inspect.Signature
    required: frozenset[str]
    accepted: frozenset[str]
    labels: Mapping[str, Any]
    meta: dict[str, Any]

    def check(self, args: Mapping[str, Any]) -> None:
        """Raise SoniqError for arguments that the function, or its model, does not take."""
        if self.model is not None:
            check_model(self.name, self.model, args)
            return
        if self.required <= args.keys() <= self.accepted:
            return
        try:
            self.signature.bind(**args)
        except TypeError as error:
            raise SoniqError(
                f"The arguments of {self.name!r} do not fit its function: {error}.",
                SONIQ_TASK_ARGS_INVALID,
                {"task_name": self.name},
                [f"It takes {self.signature}."],
            ) from None


def registration(
    function: Callable[..., Any],
    options: JobOptions,
    *,
    pattern: str,
    route_map: Mapping[str, str],
) -> Registration:
    """The registration of a function. Raises SoniqError for a bad name."""
    context, signature = _parameters(function)
    takes = [p for p in signature.parameters.values() if p.kind not in COLLECTING]
    name = _full_name(function) if options.name is None else check_name(options.name, pattern)
    queue = _route(name, options.queue, route_map)
    model = options.validate or options.args_model
    return Registration(
        name=name,
        function=function,
        max_attempts=options.most + 1,
        priority=options.priority,
        queue=queue,
        unique=options.unique,
        timeout=options.timeout,
        model=model,
        context=context,
        signature=signature,
        required=frozenset(p.name for p in takes if p.default is p.empty),
        accepted=frozenset(p.name for p in takes if p.kind is not p.POSITIONAL_ONLY),
        labels=labels_of(options.most + 1),
        meta={
            "func": function,
            "max_retries": options.most,
            "args_model": model,
            "priority": options.priority,
            "queue": queue,
            "unique": options.unique,
            "retry_delay": options.retry_delay,
            "retry_backoff": options.retry_backoff,
            "retry_max_delay": options.retry_max_delay,
            "retry_jitter": options.retry_jitter,
            "timeout": options.timeout,
            **options.others,
        },
    )


class JobRegistry:
    """``app.registry``: what is registered under each name, as the dicts that soniq has."""

    def __init__(self, registered: Mapping[str, Registration]) -> None:
        self._registered = registered

    def get_job(self, name: str) -> dict[str, Any] | None:
        """Function and options of one name; None without a registration."""
        job = self._registered.get(name)
        return None if job is None else job.meta

    def list_jobs(self) -> dict[str, dict[str, Any]]:
        """Function and options of all names."""
        return {name: job.meta for name, job in self._registered.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._registered)

    def __len__(self) -> int:
        return len(self._registered)

    def __contains__(self, name: object) -> bool:
        return name in self._registered


def check_model(name: str, model: type[Any], args: Mapping[str, Any]) -> None:
    """Raise SoniqError for arguments that the model refuses."""
    try:
        model(**args)
    except REFUSALS as error:
        raise SoniqError(
            f"The arguments of {name!r} do not fit {model.__name__}: {error}",
            SONIQ_TASK_ARGS_INVALID,
            {"task_name": name},
        ) from error


def name_of(target: Callable[..., Any]) -> str:
    """The name that a function is registered under, or would be without a name of its own."""
    name = getattr(target, "_soniq_name", None)
    return name if isinstance(name, str) else _full_name(target)


def check_name(name: object, pattern: str) -> str:
    """The name. Raises SoniqError when it is none, or not of the app's pattern."""
    if not isinstance(name, str) or re.match(pattern, name) is None:
        raise SoniqError(
            f"{name!r} cannot be the name of a job. Names are texts of the pattern {pattern}.",
            SONIQ_INVALID_TASK_NAME,
            {"name": name, "pattern": pattern},
            ["Write a name such as 'mail.send', or set task_name_pattern."],
        )
    return name


def _full_name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{getattr(function, '__name__', type(function).__name__)}"


def _route(name: str, queue: str, route_map: Mapping[str, str]) -> str:
    """The queue of a job: its own, else that of the longest prefix, as soniq 0.1."""
    prefixes = [prefix for prefix in route_map if name.startswith(prefix)]
    if queue != "default" or not prefixes:
        return queue
    return route_map[max(prefixes, key=len)]


def labels_of(max_attempts: int) -> Mapping[str, Any]:
    """What an engine's job of Soniq carries; shared by the jobs of one registration."""
    return MappingProxyType({"max_attempts": max_attempts})


def _parameters(function: Callable[..., Any]) -> tuple[str | None, inspect.Signature]:
    """The parameter that gets the JobContext, and the signature without it."""
    signature = inspect.signature(function)
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    for name, parameter in signature.parameters.items():
        kind = parameter.annotation
        if (_resolved(kind, scope) if isinstance(kind, str) else kind) is JobContext:
            rest = [other for other in signature.parameters.values() if other is not parameter]
            return name, signature.replace(parameters=rest)
    return None, signature


def _resolved(annotation: str, scope: dict[str, Any]) -> object:
    """What an annotation stands for that `from __future__ import annotations` left as text.

    One that the function's module does not know, as after an import for type checkers only, goes
    by its last name.
    """
    try:
        return eval(annotation, scope)  # noqa: S307 - as typing.get_type_hints, but one by one
    except Exception:  # noqa: BLE001 - an annotation may be any expression
        return JobContext if annotation.rpartition(".")[2] == "JobContext" else None
