"""Of which app a queue is, and with whose redaction it is told about."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ReferenceType, WeakKeyDictionary, ref

from pytest_taskq.engine.history import History
from pytest_taskq.testing.redact import Redaction

if TYPE_CHECKING:
    from pytest_taskq.testing.moments import AppShown

__all__ = ["know", "known"]

_KNOWN: WeakKeyDictionary[History, tuple[ReferenceType[AppShown], Redaction]] = WeakKeyDictionary()


def know(app: AppShown, redaction: Redaction) -> None:
    """From now on, tell of the queue of this app as of the app, and with this redaction."""
    _KNOWN[app.history] = (ref(app), redaction)


def known(history: History) -> tuple[AppShown | None, Redaction | None]:
    """The app and the redaction for a queue of this history; None for what nobody knows."""
    app, redaction = _KNOWN.get(history, (lambda: None, None))
    return app(), redaction
