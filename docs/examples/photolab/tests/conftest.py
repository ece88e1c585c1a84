"""A machine that takes as long as a test says, and a mailbox that the test fills."""

import asyncio

import pytest

from photolab.films import DarkRoom, Film, Spoiled


class Machine:
    """Takes a minute for a film, or what ``takes`` says; spoils those of ``spoils``."""

    def __init__(self):
        self.takes = {}
        self.spoils = set()

    async def develop(self, film):
        await asyncio.sleep(self.takes.get(film.number, 60))
        if film.number in self.spoils:
            raise Spoiled
        return f"picture {film.number}"


class Mailbox:
    def __init__(self):
        self.films = []

    def post(self, *numbers, customer="ann"):
        self.films += [Film(number, customer) for number in numbers]

    async def collect(self):
        films, self.films = self.films, []
        return films


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def dark_room(machine):
    return DarkRoom(machine)
