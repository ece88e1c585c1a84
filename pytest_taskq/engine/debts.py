"""What the real world owes a loop, each debt until it is paid or waited for too long."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from pytest_taskq.engine.machine import Stopwatch

__all__ = ["SILENCE", "Debt", "Debts"]

SILENCE = 5.0
"""Real seconds after which a connection or subprocess that says nothing lets time jump."""


class Debt:
    """One thing that the real world owes. ``since``: it is waited for so long only, from then.

    ``paid``: asked before each jump; None for what somebody else ends. ``several``: more was
    asked before the answer, so there may be more than one.
    """

    __slots__ = ("paid", "several", "since", "what")

    def __init__(
        self,
        what: str,
        since: Stopwatch | None = None,
        paid: Callable[[], bool] | None = None,
    ) -> None:
        self.what = what
        self.since = since
        self.paid = paid
        self.several = False


class Debts:
    """All of them by what ends them, be it a future, a connection or the number of a file.

    ``silence``: real seconds after which a peer that says nothing is waited for no longer.
    """

    def __init__(self, silence: float = SILENCE) -> None:
        self.silence = silence
        self._debts: dict[Hashable, Debt] = {}
        self._silent: set[Hashable] = set()
        self.news_may_come = False
        """More may come than one answer to each: a little real time is given it before a jump."""

    def add(self, key: Hashable, debt: Debt) -> None:
        """From now on it is owed, in place of what ``key`` ended before."""
        self._debts[key] = debt

    def ask(self, key: Hashable, owed: Callable[[], str]) -> None:
        """Something was asked of a peer, unless it has been silent for too long before."""
        debt = self._debts.get(key)
        if debt is not None:
            debt.several = True
        elif key not in self._silent:
            self._debts[key] = Debt(owed(), Stopwatch())

    def answered(self, key: Hashable) -> None:
        """A peer said something."""
        debt = self._debts.get(key)
        if debt is not None and debt.several:
            self.news_may_come = True
        self.pay(key)

    def pay(self, key: Hashable) -> None:
        """It is owed no longer, and may be again."""
        self._debts.pop(key, None)
        self._silent.discard(key)

    @contextmanager
    def hold(self, reason: str) -> Iterator[None]:
        """Let time not jump inside."""
        key = object()
        self._debts[key] = Debt(reason)
        try:
            yield
        finally:
            self._debts.pop(key, None)

    def reasons(self) -> list[str]:
        """What is owed, in words."""
        for key, debt in tuple(self._debts.items()):
            if debt.paid is not None and debt.paid():
                self._debts.pop(key, None)
            elif debt.since is not None and debt.since.seconds() > self.silence:
                del self._debts[key]
                self._silent.add(key)
                self._warn(debt.what)
        return [debt.what for debt in self._debts.values()]

    def __bool__(self) -> bool:
        return bool(self._debts) and bool(self.reasons())

    def _warn(self, what: str) -> None:
        warnings.warn(
            f"The clock of this test has waited {self.silence:g} real seconds for {what}. It does "
            f"not wait for it any longer, and may jump. Wrap what needs longer in "
            f"`with clock.hold('why'):`.",
            RuntimeWarning,
            stacklevel=2,
        )
