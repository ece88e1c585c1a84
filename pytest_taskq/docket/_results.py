"""The end of an execution, awaited; and its result, kept and given back."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_taskq.core.errors import BadOption
from pytest_taskq.core.instants import to_instant, to_micros
from pytest_taskq.docket._payload import decode_result, encode_result, pickled, unpickled
from pytest_taskq.docket._states import ENDED, ExecutionCancelled, ExecutionState
from pytest_taskq.docket._subscription import subscribe
from pytest_taskq.engine.clock import loop_seconds

if TYPE_CHECKING:
    from pytest_taskq.docket.execution import Execution

__all__ = ["keep_result", "result_of", "wait_for_end"]


async def keep_result(execution: Execution, value: object) -> str | None:
    """Keep what a task returned or raised; the text to keep with the job, if it is to be.

    A docket with a ``result_storage`` of its own keeps it there.
    """
    docket = execution.docket
    if value is None or not docket.execution_ttl:
        return None
    if docket.result_storage is not None:
        await docket.result_storage.put(
            f"{execution.key}:{execution.generation}",
            {"data": pickled(value)},
            ttl=int(docket.execution_ttl.total_seconds()),
        )
    return encode_result(value)


async def wait_for_end(
    execution: Execution, timeout: timedelta | None, deadline: datetime | None
) -> None:
    """See ``Execution.get_result``."""
    if timeout is not None and deadline is not None:
        raise BadOption(
            "Cannot specify both timeout and deadline. They are two limits of one wait. "
            "Leave one of them out."
        )
    if execution.state in ENDED:
        return
    seconds = _seconds(execution, timeout, deadline)
    try:
        async with asyncio.timeout(seconds), aclosing(subscribe(execution, None)) as events:
            async for event in events:
                if event["type"] == "state" and event["state"] in ENDED:
                    await execution.sync()
                    return
    except TimeoutError:
        raise TimeoutError(
            f"Timeout waiting for execution {execution.key}: it did not end within {seconds:g} s. "
            f"It is {execution.state.value}. Run a worker, or allow more time."
        ) from None


async def result_of(execution: Execution) -> Any:
    """What the task returned. Raises what it raised, or ExecutionCancelled."""
    docket = execution.docket
    if execution.state is ExecutionState.CANCELLED:
        raise ExecutionCancelled(
            f"{execution.call_repr()} has no result. It was cancelled. "
            f"Look at execution.state before you ask for one."
        )
    if execution.result_key and docket.result_storage is not None:
        found = await docket.result_storage.get(execution.result_key)
        if found and "data" in found:
            value = unpickled(found["data"])
            if execution.state is ExecutionState.FAILED:
                raise value
            return value
    if execution.state is ExecutionState.FAILED:
        events = docket.queue.history.of(execution.generation) if execution.result_key else []
        raise next(
            (event.error for event in reversed(events) if event.error is not None),
            Exception(execution.error or "Task execution failed"),
        )
    job = await docket.last_job(execution.key) if execution.result_key else None
    return None if job is None or job.result is None else decode_result(job.result)


def _seconds(
    execution: Execution, timeout: timedelta | None, deadline: datetime | None
) -> float | None:
    if deadline is not None:
        return loop_seconds(to_instant(deadline) - execution.docket.queue.clock.now())
    if timeout is None:
        return None
    return loop_seconds(to_micros(timeout)) if timeout > timedelta(0) else 0.0
