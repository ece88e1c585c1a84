"""Which event loops can follow a clock: asyncio's own, as long as nobody else has changed them."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_taskq.core.errors import WrongLoop

__all__ = ["check_loop"]


def check_loop(loop: Any) -> None:
    """Raise WrongLoop for a loop whose timers cannot be moved, and name who made it so."""
    other = _other(loop)
    if other is not None:
        name = f"{getattr(other, '__module__', '?')}.{getattr(other, '__qualname__', other)}"
        raise WrongLoop(
            f"The timers of this event loop cannot follow the clock of the test. It is changed or "
            f"made by {name}, and only asyncio's own selector loop can be moved. Run this test "
            f"on asyncio's loop, or mark it with @pytest.mark.taskq_time(mode='real')."
        )


def _other(loop: Any) -> Any:
    """What is not asyncio's own; None where all is.

    Nobody asks for ``vars()`` here: it would take the loop out of the quicker form in which
    Python keeps an object with few attributes.
    """
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return type(loop)
    if type(loop).time is not asyncio.BaseEventLoop.time:
        return type(loop)
    if not _is_of_its_class(loop, "time"):
        return loop.time
    selector: Any = getattr(loop, "_selector", None)
    if type(selector).__module__ != "selectors":
        return type(selector)
    return None if _is_of_its_class(selector, "select") else selector.select


def _is_of_its_class(owner: Any, name: str) -> bool:
    """Whether a method of an object is that of its class, also where that one is patched."""
    method = getattr(type(owner), name)
    bind = getattr(method, "__get__", None)
    return bool(getattr(owner, name) == (method if bind is None else bind(owner)))
