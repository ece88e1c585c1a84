"""How often jobs of one name may start: pure rules on what is remembered of those that did.

Each rule gets the window of its name and the instant, and says what to remember and whether the
job may start now, later, or not at all.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["NOTHING", "Admission", "Window", "cool_down", "give_back", "limit_rate", "settle"]


class Window(NamedTuple):
    """What is remembered under a name: the instants of starts, and who waits for quiet."""

    starts: tuple[int, ...] = ()
    waiting: str | None = None
    last_asked: int = 0


class Admission(NamedTuple):
    """Whether a job may start; if not, the instant at which to ask again, None for never."""

    admitted: bool
    at: int | None = None


NOTHING = Window()
YES = Admission(admitted=True)
NEVER = Admission(admitted=False)


def cool_down(window: Window, now: int, length: int) -> tuple[Window, Admission]:
    """One start, and none for ``length`` microseconds after it."""
    if any(start > now - length for start in window.starts):
        return window, NEVER
    return Window(starts=(now,)), YES


def limit_rate(
    window: Window, now: int, limit: int, per: int, *, drop: bool = False
) -> tuple[Window, Admission]:
    """At most ``limit`` starts within any ``per`` microseconds; what is too many waits.

    With ``drop`` it never starts.
    """
    recent = tuple(start for start in window.starts if start > now - per)
    if len(recent) < limit:
        return Window(starts=(*recent, now)), YES
    if drop or limit < 1:
        return Window(starts=recent), NEVER
    return Window(starts=recent), Admission(admitted=False, at=recent[-limit] + per)


def give_back(window: Window, start: int) -> Window:
    """Forget a start that came to nothing."""
    starts = list(window.starts)
    if start in starts:
        starts.remove(start)
    return window._replace(starts=tuple(starts))


def settle(window: Window, now: int, length: int, who: str) -> tuple[Window, Admission]:
    """The first who asks starts, once nobody else has asked for ``length`` microseconds.

    All others never start; each makes the first one wait anew.
    """
    if window.waiting is None:
        return Window(waiting=who, last_asked=now), Admission(admitted=False, at=now + length)
    if window.waiting != who:
        return window._replace(last_asked=now), NEVER
    if now >= window.last_asked + length:
        return NOTHING, YES
    return window, Admission(admitted=False, at=window.last_asked + length)
