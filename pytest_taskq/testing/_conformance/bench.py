"""Where the tests of the suite run: a loop of their own, and two handles on a fresh namespace."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

from pytest_taskq.core.errors import TaskqError
from pytest_taskq.core.store import Store

__all__ = [
    "Opens",
    "Work",
    "handles",
    "in_threads",
    "new_namespace",
    "on_a_loop",
    "on_two_handles",
    "only_our_errors",
]

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]

LIMIT = 60.0  # real seconds: a store that hangs fails its test and does not stop the run


class Opens(Protocol):
    """What the suite needs of the class that an author writes."""

    async def open_store(self, namespace: str) -> Store:
        """A handle on the jobs of a namespace."""
        ...


def on_two_handles(
    body: Callable[[Any, Store, Store], Coroutine[Any, Any, None]],
) -> Callable[[Any], None]:
    """Make a sync test of an async one, which no plug-in, mode or marker has to know about."""

    def test(self: Opens) -> None:
        async def work() -> None:
            async with handles(self, new_namespace()) as (one, two):
                await body(self, one, two)

        on_a_loop(work)

    # Not functools.wraps: pytest would take the arguments of the body for fixtures.
    test.__name__, test.__qualname__ = body.__name__, body.__qualname__
    test.__module__, test.__doc__ = body.__module__, body.__doc__
    return test


def new_namespace() -> str:
    """A name that nobody else uses, of letters, digits and an underscore."""
    return f"conformance_{secrets.token_hex(6)}"


@asynccontextmanager
async def handles(suite: Opens, namespace: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two handles on one namespace; at the end its jobs are forgotten and the handles closed."""
    one = await suite.open_store(namespace)
    two = await suite.open_store(namespace)
    try:
        yield one, two
        await one.clear()
    finally:
        await two.aclose()
        await one.aclose()


def on_a_loop(work: Work[T]) -> T:
    """Run it on a new loop. The thread's own loop, if others have set one, stays as it is."""
    with only_our_errors(), asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_limited(work))


def in_threads(*works: Work[T]) -> list[T]:
    """Run each on a loop of its own in a thread of its own, all at once; answers in order."""
    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(on_a_loop, works))


@contextmanager
def only_our_errors() -> Iterator[None]:
    """Fail for an error of a driver, whatever it says."""
    try:
        yield
    except (AssertionError, NotImplementedError, TaskqError):
        raise
    except Exception as error:
        name = f"{type(error).__module__}.{type(error).__qualname__}"
        raise AssertionError(
            f"An error that is not ours came out of the store. It is {name}: {error}. "
            f"A store answers with refusals, and raises StoreUnavailable for what it cannot do."
        ) from error


async def _limited(work: Work[T]) -> T:
    limit = asyncio.timeout(LIMIT)
    try:
        async with limit:
            return await work()
    except TimeoutError:
        if limit.expired():
            raise AssertionError(f"The store had not answered after {LIMIT:g} s.") from None
        raise
