"""Which event loops can follow a clock: asyncio's own, as long as nobody else has changed them."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_taskq.core.errors import WrongLoop

__all__ = ["check_loop"]


def check_loop(loop: Any) -> None:
    """Raise WrongLoop for a loop whose timers cannot be moved, and name who made it so."""
    other = None
    selector = getattr(loop, "_selector", None)
    if not isinstance(loop, asyncio.SelectorEventLoop):
        other = type(loop)
    elif type(loop).time is not asyncio.BaseEventLoop.time or "time" in vars(loop):
        other = type(loop) if "time" not in vars(loop) else vars(loop)["time"]
    elif type(selector).__module__ != "selectors" or "select" in vars(selector):
        other = vars(selector).get("select", type(selector))
    if other is not None:
        name = f"{getattr(other, '__module__', '?')}.{getattr(other, '__qualname__', other)}"
        raise WrongLoop(
            f"The timers of this event loop cannot follow the clock of the test. It is changed or "
            f"made by {name}, and only asyncio's own selector loop can be moved. Run this test "
            f"on asyncio's loop, or mark it with @pytest.mark.taskq_time(mode='real')."
        )
