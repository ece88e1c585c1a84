"""The job that every subject runs: it does nothing, and counts."""

import asyncio


class Jobs:
    """Counts the runs of ``noop``, and tells when there were as many as expected."""

    def __init__(self, expected):
        self.expected = expected
        self.ran = 0
        self.all_ran = asyncio.Event()

    async def noop(self, number, text):
        self.count()

    def count(self):
        self.ran += 1
        if self.ran == self.expected:
            self.all_ran.set()


def arguments(amount):
    """The arguments of so many jobs."""
    return [{"number": number, "text": "x"} for number in range(amount)]


def in_hundreds(items):
    """The items in batches of 100."""
    return [items[at : at + 100] for at in range(0, len(items), 100)]


async def until(ask):
    """Ask until it is so: what the libraries offer to see the end of a job is a look at it."""
    while not await ask():  # noqa: ASYNC110
        await asyncio.sleep(0.0005)
