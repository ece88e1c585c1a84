"""The jobs of an app: what was registered under each name, and which arguments fit."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.retry import RetryPolicy, own
from pytest_taskq.soniq._rows import check_priority
from pytest_taskq.soniq.errors import (
    SONIQ_INVALID_TASK_NAME,
    SONIQ_TASK_ARGS_INVALID,
    SoniqError,
)
from pytest_taskq.soniq.job import JobContext

__all__ = ["Delay", "Registration", "check_name", "labels_of", "name_of", "named", "registration"]

P = ParamSpec("P")
R = TypeVar("R")
COLLECTING = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
Delay = float | list[float] | tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One name with its function and options.

    ``context``: the parameter that gets the JobContext. ``signature``: the other parameters,
    and ``required`` and ``accepted`` the names among them, for a quick look.
    """

    name: str
    function: Callable[..., Any]
    max_attempts: int
    priority: int
    queue: str
    unique: bool
    retry: RetryPolicy
    timeout: float | None
    context: str | None
    signature: inspect.Signature
    required: frozenset[str]
    accepted: frozenset[str]
    labels: Mapping[str, Any]

    def check(self, args: Mapping[str, Any]) -> None:
        """Raise SoniqError for arguments that the function does not take."""
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
    *,
    name: str | None,
    pattern: str,
    route_map: Mapping[str, str],
    retries: int,
    priority: int,
    queue: str,
    unique: bool,
    delay: Delay,
    backoff: bool,
    max_delay: float | None,
    jitter: bool,
    timeout: float | None,
) -> Registration:
    """The registration of a function. Raises SoniqError for a bad name, BadOption otherwise."""
    context, signature = _parameters(function)
    takes = [p for p in signature.parameters.values() if p.kind not in COLLECTING]
    job_name = _full_name(function) if name is None else check_name(name, pattern)
    if type(retries) is not int or retries < 0:
        raise BadOption(
            f"The retries of a job are a whole number from 0 up. They are {retries!r}. "
            f"Write max_retries=0 for one attempt only."
        )
    _check_seconds("timeout", () if timeout is None else (timeout,))
    return Registration(
        name=job_name,
        function=function,
        max_attempts=retries + 1,
        priority=check_priority(priority),
        queue=_route(job_name, queue, route_map),
        unique=unique,
        retry=_retry_policy(delay, backoff, max_delay, jitter),
        timeout=timeout,
        context=context,
        signature=signature,
        required=frozenset(p.name for p in takes if p.default is p.empty),
        accepted=frozenset(p.name for p in takes if p.kind is not p.POSITIONAL_ONLY),
        labels=labels_of(retries + 1),
    )


def name_of(target: Callable[..., Any]) -> str:
    """The name that a function is registered under, or would be without a name of its own."""
    name = getattr(target, "_soniq_name", None)
    return name if isinstance(name, str) else _full_name(target)


def named(function: Callable[P, R], name: str) -> Callable[P, R]:
    """The function with the name that it is registered under; calling it runs its body."""

    @functools.wraps(function)
    def registered(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    vars(registered)["_soniq_name"] = name
    return registered


def check_name(name: object, pattern: str) -> str:
    """The name. Raises SoniqError when it is none, or not of the app's pattern."""
    if not isinstance(name, str) or re.fullmatch(pattern, name) is None:
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


def _retry_policy(
    delay: Delay,
    backoff: bool,
    max_delay: float | None,
    jitter: bool,
) -> RetryPolicy:
    """When again after attempt n, as soniq 0.1 reckons; how often, the job's row says.

    A list gives one delay after the other, and its last one from then on. With ``backoff`` the
    delay (1 s if it is 0) doubles each time, and ``jitter`` draws from its upper half.
    """
    delays = tuple(delay) if isinstance(delay, list | tuple) else (delay or 0,)
    _check_seconds("retry_delay", delays)
    _check_seconds("retry_max_delay", () if max_delay is None else (max_delay,))

    def seconds(attempt: int, _error: BaseException) -> float:
        wait = float(delays[min(attempt, len(delays)) - 1]) if delays else 0.0
        if backoff:
            wait = (wait or 1.0) * 2.0 ** min(attempt - 1, 62)
        return wait if max_delay is None else min(wait, max_delay)

    return own(seconds, jitter=0.5 if backoff and jitter else 0.0)


def _check_seconds(name: str, values: Iterable[object]) -> None:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise BadOption(
                f"The {name} of a job is in seconds, from 0 up. It is {value!r}. "
                f"Write for example 60, or [5, 60, 600] for one delay after the other."
            )
