"""The service: collects films from the mail, hands them to a few baths, and shuts down gently."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from photolab.films import Film, Spoiled

Develop = Callable[[Film], Awaitable[str]]
Collect = Callable[[], Awaitable[Sequence[Film]]]


class PhotoLab:
    """Runs until ``shutdown()`` or SIGTERM.

    What is in a bath then has ``grace`` seconds; if that is not enough it goes back to the shelf.
    """

    def __init__(
        self, collect: Collect, develop: Develop, *, baths: int = 2, grace: float = 30
    ) -> None:
        self.collect = collect
        self.develop = develop
        self.baths = baths
        self.grace = grace
        self.shelf: asyncio.Queue[Film] = asyncio.Queue()
        self.pictures: dict[int, str] = {}
        self.spoiled: list[Film] = []
        self.open = asyncio.Event()
        self._closing = asyncio.Event()
        self._in_baths = 0
        self._dry = asyncio.Event()
        self._dry.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.shutdown)
        mail = asyncio.create_task(self._collect_mail())
        baths = [asyncio.create_task(self._bath()) for _ in range(self.baths)]
        self.open.set()
        try:
            await self._closing.wait()
            mail.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.grace):
                    await self._dry.wait()
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            for task in (mail, *baths):
                task.cancel()
            await asyncio.gather(mail, *baths, return_exceptions=True)

    def shutdown(self) -> None:
        self._closing.set()

    async def _collect_mail(self) -> None:
        """Every ten minutes."""
        while True:
            for film in await self.collect():
                await self.shelf.put(film)
            await asyncio.sleep(600)

    async def _bath(self) -> None:
        while not self._closing.is_set():
            film = await self.shelf.get()
            self._in_baths += 1
            self._dry.clear()
            try:
                self.pictures[film.number] = await self.develop(film)
            except (Spoiled, TimeoutError):
                self.spoiled.append(film)
            except asyncio.CancelledError:
                self.shelf.put_nowait(film)
                raise
            finally:
                self.shelf.task_done()
                self._in_baths -= 1
                if not self._in_baths:
                    self._dry.set()
