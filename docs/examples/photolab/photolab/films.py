"""A film, and what is done to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol


class Spoiled(Exception):
    """A film that cannot be developed any more."""


@dataclass(frozen=True)
class Film:
    number: int
    customer: str


class Machine(Protocol):
    """The developing machine. It takes its time."""

    async def develop(self, film: Film) -> str: ...


class DarkRoom:
    """The light must be off while a film is open, and on again whatever happens."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.light = True

    async def develop(self, film: Film) -> str:
        """Develop a film, within two minutes. Raises TimeoutError, or Spoiled."""
        self.light = False
        try:
            async with asyncio.timeout(120):
                return await self.machine.develop(film)
        finally:
            self.light = True
