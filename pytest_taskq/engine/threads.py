"""Which threads of the process are at work, besides the one that asks."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import thread as pool

__all__ = ["busy_threads"]

IDLE_BY_NAME = ("taskq", "pytest_timeout")
"""How the names of threads begin that never do anything of their own accord: ours, a time-out."""


def busy_threads() -> list[str]:
    """The names of the others that may do something yet.

    Not among them: the main thread, our own, and those of thread pools that wait for work.
    """
    doing = sys._current_frames()
    known = {threading.main_thread(), threading.current_thread()}
    return [
        each.name
        for each in threading.enumerate()
        if each not in known
        and not each.name.startswith(IDLE_BY_NAME)
        and not _waits_for_work(doing.get(each.ident or 0))
    ]


def _waits_for_work(frame: object) -> bool:
    """Whether a thread of a pool is just there: a pool counts its idle threads, but miscounts."""
    if getattr(frame, "f_code", None) is not pool._worker.__code__:
        return False
    local = frame.f_locals  # type: ignore[attr-defined] # it is a frame, by its code
    return local.get("work_item") is None and bool(local["work_queue"].empty())
