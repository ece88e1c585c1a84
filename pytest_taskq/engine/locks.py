"""Locks as Procrastinate has them, told as the names that a job holds."""

from __future__ import annotations

from pytest_taskq.core.job import Hold, Job, State

__all__ = ["holds_of", "lock_of", "others_of", "queueing_lock_of"]

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})
LOCK, QUEUEING_LOCK = LOCKS = "lock:", "queueing_lock:"


def holds_of(lock: str | None, queueing_lock: str | None) -> tuple[Hold, ...]:
    """The names for these locks.

    A lock lets its jobs run one by one in strict order, whatever the earlier one waits for; a
    queueing lock lets one job wait.
    """
    if lock is None and queueing_lock is None:
        return ()
    ordered = () if lock is None else (Hold(LOCK + lock, RUNNING, ordered=True),)
    single = () if queueing_lock is None else (Hold(QUEUEING_LOCK + queueing_lock, QUEUED),)
    return ordered + single


def lock_of(record: Job) -> str | None:
    """The lock of a job."""
    return _name(record, LOCK)


def queueing_lock_of(record: Job) -> str | None:
    """The queueing lock of a job."""
    return _name(record, QUEUEING_LOCK)


def others_of(record: Job) -> tuple[Hold, ...]:
    """The names of a job that are no locks, such as that of a tick."""
    return tuple([hold for hold in record.holds if not hold.name.startswith(LOCKS)])


def _name(record: Job, prefix: str) -> str | None:
    for hold in record.holds:
        if hold.name.startswith(prefix):
            return hold.name.removeprefix(prefix)
    return None
