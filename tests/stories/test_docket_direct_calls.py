"""A task is a function: a test may call it itself, and give it what a worker would."""

from unittest.mock import AsyncMock

import pytest

from pytest_taskq.docket import CurrentDocket, Docket, RecordedCall, RecordingDocket, Retry

pytestmark = pytest.mark.asyncio


class Catalogue:
    """Which books the library has, and who waits for them."""

    def __init__(self):
        self.reserved = {}

    async def reserve(self, book, reader):
        self.reserved[book] = reader


catalogue = Catalogue()


@pytest.fixture(autouse=True)
def empty_catalogue():
    catalogue.reserved.clear()


async def tell_reader(reader, *, book):
    """Write to the reader that the book is here."""


async def reserve_book(
    reader: str,
    book: str,
    docket: Docket = CurrentDocket(),
    retry: Retry = Retry(attempts=3),
) -> None:
    await catalogue.reserve(book, reader)
    if retry.attempt == retry.attempts:
        await docket.cancel(f"reserve:{book}")
    await docket.add(tell_reader, key=f"tell:{reader}")(reader, book=book)


async def test_a_task_called_directly_says_what_it_would_schedule():
    docket = RecordingDocket()
    await reserve_book("ada", "Emma", docket=docket, retry=Retry(attempts=2))
    assert catalogue.reserved == {"Emma": "ada"}
    assert docket.calls == [
        RecordedCall("add", "tell_reader", ("ada",), {"book": "Emma"}, key="tell:ada")
    ]


async def test_it_can_be_told_that_this_is_its_last_attempt():
    docket = RecordingDocket()
    await reserve_book("ada", "Emma", docket=docket, retry=Retry(attempts=1))
    assert [call.verb for call in docket.calls] == ["cancel", "add"]


async def test_a_real_docket_does_as_well(docket):
    await reserve_book("ada", "Emma", docket=docket, retry=Retry(attempts=2))
    (follow_up,) = (await docket.snapshot()).future
    assert (follow_up.function, follow_up.key) == (tell_reader, "tell:ada")
    assert (follow_up.args, follow_up.kwargs) == (("ada",), {"book": "Emma"})


async def test_a_mock_of_a_docket_does_not():
    """``AsyncMock().add(...)`` is a coroutine, and a docket's ``add(...)`` is called once more."""
    mock = AsyncMock()
    with (
        pytest.raises(TypeError, match="not callable"),
        pytest.warns(RuntimeWarning, match="never awaited"),
    ):
        await reserve_book("ada", "Emma", docket=mock, retry=Retry(attempts=2))
