"""Run everything to its end, then look: tasks that work together, and tasks that fail."""

from unittest import mock
from uuid import uuid4

import pytest
import pytest_asyncio

from pytest_taskq.docket import CurrentDocket, Depends, Docket, ExecutionState, Worker

pytestmark = pytest.mark.asyncio


class Library:
    """What the tasks change."""

    def __init__(self):
        self.lent = set()
        self.receipts = []
        self.shelf = {"Emma": 2}
        self.statuses = {}
        self.complaints = []


library = Library()


@pytest.fixture(autouse=True)
def opening_hour():
    library.__init__()


class CardReader:
    """The external service that a late fee is paid with."""

    @staticmethod
    async def charge(loan_id):
        return f"paid {loan_id}"


class CardRefused(Exception):
    """The card reader does not take the card."""


async def lend(loan_id):
    library.lent.add(loan_id)


async def print_receipt(loan_id):
    library.receipts.append(loan_id)


async def take_from_shelf(title):
    library.shelf[title] -= 1


async def test_all_pending_tasks_have_run_when_the_worker_returns(docket, worker):
    docket.register(lend)
    docket.register(print_receipt)
    docket.register(take_from_shelf)

    await docket.add(lend)(loan_id=5)
    await docket.add(print_receipt)(loan_id=5)
    await docket.add(take_from_shelf)(title="Emma")
    await worker.run_until_finished()

    assert library.lent == {5}
    assert library.receipts == [5]
    assert library.shelf == {"Emma": 1}


async def test_a_registered_task_can_be_added_by_its_name(docket, worker):
    notes = []

    async def take_note(text):
        notes.append(text)

    docket.register(take_note)
    await docket.add("take_note")("the roof leaks")
    await worker.run_until_finished()
    assert notes == ["the roof leaks"]


async def test_a_name_that_nobody_registered_is_refused_at_once(docket):
    docket.register(print_receipt)
    with pytest.raises(KeyError, match="The nearest is 'print_receipt'"):
        docket.add("print_reciept")


async def collect_fee(
    loan_id,
    docket: Docket = CurrentDocket(),
    card_reader: type[CardReader] = Depends(lambda: CardReader),
):
    try:
        await card_reader.charge(loan_id)
    except CardRefused:
        library.statuses[loan_id] = "unpaid"
        await docket.add(complain)(loan_id)
    else:
        library.statuses[loan_id] = "paid"


async def complain(loan_id):
    library.complaints.append(loan_id)


async def test_what_a_task_does_when_a_service_fails(docket, worker):
    docket.register(collect_fee)
    with mock.patch.object(CardReader, "charge", side_effect=CardRefused):
        await docket.add(collect_fee)(loan_id=5)
        await worker.run_until_finished()
    assert library.statuses == {5: "unpaid"}
    assert library.complaints == [5]


async def test_a_task_that_fails_altogether_keeps_its_error(docket, worker):
    async def burn(title):
        raise PermissionError(f"nobody burns {title}")

    execution = await docket.add(burn)("Emma")
    await worker.run_until_finished()
    await execution.sync()
    assert execution.state is ExecutionState.FAILED
    assert execution.error == "PermissionError: nobody burns Emma"
    with pytest.raises(PermissionError, match="nobody burns Emma"):
        await execution.get_result()


@pytest_asyncio.fixture
async def shared_docket():
    """A docket that others might use too: cleared when the test is over."""
    async with Docket(name=f"shared-{uuid4()}", url="memory://shared") as docket:
        yield docket
        await docket.clear()
        assert (await docket.snapshot()).total_tasks == 0


async def test_a_whole_workflow_on_a_docket_that_is_cleared_afterwards(shared_docket):
    shared_docket.register(lend)
    shared_docket.register(print_receipt)
    await shared_docket.add(lend)(loan_id=8)
    await shared_docket.add(print_receipt)(loan_id=8)
    async with Worker(shared_docket) as worker:
        await worker.run_until_finished()
    assert library.lent == {8}
    assert library.receipts == [8]

    await shared_docket.add(lend)(loan_id=9)  # for the fixture to clear
