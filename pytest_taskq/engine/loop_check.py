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

    Attributes of the one object are found by what their methods are of: to ask for its ``vars()``
    would take a loop out of the quicker form in which Python keeps an object with few of them.
    """
    own = asyncio.BaseEventLoop.time
    if not isinstance(loop, asyncio.SelectorEventLoop) or type(loop).time is not own:
        return type(loop)
    if getattr(loop.time, "__func__", None) is not own:
        return loop.time
    selector: Any = getattr(loop, "_selector", None)
    if type(selector).__module__ != "selectors":
        return type(selector)
    is_own = getattr(selector.select, "__func__", None) is type(selector).select
    return None if is_own else selector.select
