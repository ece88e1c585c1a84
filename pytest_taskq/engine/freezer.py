"""Freezes Python's own clocks to ours with freezegun. The only file that imports it."""

from __future__ import annotations

import time
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.instants import SECOND, to_datetime

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    from pytest_taskq.engine.clock import Clock

__all__ = ["FreezegunFreezer"]

# Modules that keep the real functions: a test's duration, the loop and threads are real.
UNTOUCHED = ("_pytest.", "asyncio.", "concurrent.", "pytest_taskq.", "selectors", "threading")
# Process-wide, as freezegun is: who is started, and what of freezegun was changed for them.
_STARTED: list[FreezegunFreezer] = []
_UNDO: list[tuple[Any, str, Any]] = []


class FreezegunFreezer:
    """``datetime`` and ``time`` say what the clock says, as the machine's zone shows it.

    Durations (``time.monotonic``, ``time.perf_counter``) stay real. A freeze that the user began
    before is covered until ``stop``, or until it ends; one that begins inside ours covers ours.
    """

    def __init__(self) -> None:
        self.told: _Told | None = None
        self.freezer: Any = None
        self.before: Any = None

    def start(self, clock: Clock) -> None:
        """See ``Freezer.start``."""
        api: Any = import_module("freezegun.api")  # its types leave out what we need of it
        if not _STARTED:
            _correct(api)
        _STARTED.append(self)
        if api.freeze_factories:
            # Not a second freeze above it: freezegun comes apart when the lower one ends first.
            self.before = api.freeze_factories[-1], api.ignore_lists[-1]
        else:
            self.freezer = api.freeze_time("1970-01-01")
            self.freezer.ignore = UNTOUCHED
            self.freezer.start()
        api.freeze_factories[-1] = self.told = _Told(clock)
        api.ignore_lists[-1] = ()  # for every caller

    def moved(self, clock: Clock) -> None:
        """See ``Freezer.moved``: it is asked, and need not be told."""

    def stop(self) -> None:
        """See ``Freezer.stop``."""
        if self not in _STARTED:
            return
        _STARTED.remove(self)
        api: Any = import_module("freezegun.api")
        heir = next((f for f in _STARTED if f.before and f.before[0] is self.told), None)
        if heir:  # one of ours that began above this one goes on
            heir.freezer, heir.before = self.freezer, self.before
        elif self.freezer:
            for stack in (api.freeze_factories, api.ignore_lists, api.tick_flags, api.tz_offsets):
                del stack[1:]  # a freeze inside ours that nobody ended ends with it
            self.freezer.stop()
        elif self.told in api.freeze_factories:
            at = api.freeze_factories.index(self.told)
            api.freeze_factories[at], api.ignore_lists[at] = self.before
        self.told = self.freezer = self.before = None
        while _UNDO and not _STARTED:
            setattr(*_UNDO.pop())


class _Told:
    """In the place of freezegun's source of time; asks our clock, so that the two agree."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __call__(self) -> datetime:
        return to_datetime(self.clock.now()).replace(tzinfo=None)  # as freezegun's: naive, UTC


def _correct(api: Any) -> None:
    """Make freezegun, which adds one fixed offset to all, follow the machine's zone."""
    moment, real = api.FakeDatetime, api.real_datetime

    def micros() -> int:
        return int(api.freeze_factories[-1].clock.now())

    def fromtimestamp(cls: Any, *args: Any, **kwargs: Any) -> Any:
        fold = real.fromtimestamp(*args, **kwargs).fold  # which a subclass is not given
        return super(moment, cls).fromtimestamp(*args, **kwargs).replace(fold=fold)

    def now(cls: Any, tz: tzinfo | None = None) -> Any:
        seconds, rest = divmod(micros(), SECOND)
        return cls.fromtimestamp(seconds, tz).replace(microsecond=rest)

    def parts(real: Callable[[float], Any]) -> Callable[..., Any]:
        return lambda t=None: real(micros() // SECOND if t is None else t)

    _method(api, moment, "fromtimestamp", fromtimestamp)
    _method(api, moment, "now", now)
    _method(api, moment, "timestamp", real.timestamp)
    _method(api, moment, "astimezone", real.astimezone)
    _method(api, api.FakeDate, "today", lambda cls: cls.fromtimestamp(micros() // SECOND))
    _function(api, "localtime", parts(api.real_localtime))  # strftime asks it
    _function(api, "gmtime", parts(api.real_gmtime))
    _function(api, "time_ns", lambda: micros() * 1000)  # theirs goes through a float
    for name in ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
        real_one = getattr(api, f"real_{name}")  # or every loop and lock would stand still
        _function(api, name, real_one, real_one)
    # freezegun leaves these alone. Names bound to them before cannot be reached.
    _replace(time, "ctime", lambda seconds=None: time.asctime(time.localtime(seconds)))
    _replace(time, "asctime", lambda *t, of=time.asctime: of(*t or (time.localtime(),)))


def _ours_on_top(api: Any, ours: Callable[..., Any], theirs: Callable[..., Any]) -> Any:
    # Theirs: when a freeze of the user's is above ours, or has ended and taken ours along.
    def choose(*args: Any, **kwargs: Any) -> Any:
        on_top = isinstance(next(reversed(api.freeze_factories), None), _Told)
        return (ours if on_top else theirs)(*args, **kwargs)

    return choose


def _method(api: Any, owner: Any, name: str, ours: Callable[..., Any]) -> None:
    theirs = vars(owner)[name]
    method = _ours_on_top(api, ours, getattr(theirs, "__func__", theirs))
    _replace(owner, name, classmethod(method) if isinstance(theirs, classmethod) else method)


def _function(api: Any, name: str, ours: Callable[..., Any], theirs: Any = None) -> None:
    # The function itself is changed: who imported it by name has it too, under a user's freeze
    # as well; and freezegun, which looks for its own functions at the end, finds them all.
    def ask(*args: Any, _answer: Callable[..., Any], **kwargs: Any) -> Any:
        return _answer(*args, **kwargs)

    function = getattr(api, f"fake_{name}")
    theirs = theirs or FunctionType(function.__code__, vars(api), None, function.__defaults__)
    _replace(function, "__kwdefaults__", {"_answer": _ours_on_top(api, ours, theirs)})
    _replace(function, "__code__", ask.__code__)


def _replace(owner: Any, name: str, new: Any) -> None:
    _UNDO.append((owner, name, vars(owner).get(name) or getattr(owner, name)))
    setattr(owner, name, new)
