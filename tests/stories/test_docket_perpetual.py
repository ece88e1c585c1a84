"""Tasks that go on for ever, and how a test lets them go on for a while."""

from datetime import timedelta

import pytest

from pytest_taskq.core.errors import NotFinished
from pytest_taskq.docket import (
    CurrentDocket,
    Disposition,
    Docket,
    Perpetual,
    TaskKey,
)

pytestmark = pytest.mark.asyncio

NIGHTLY = timedelta(hours=24)


@pytest.fixture
def rounds():
    """What the night watch has looked at, in order."""
    return []


@pytest.fixture
def watch(rounds):
    """A task that looks at a room every night."""

    async def watch(room, perpetual: Perpetual = Perpetual(every=NIGHTLY)):
        rounds.append(room)

    return watch


async def test_a_perpetual_task_runs_as_often_as_the_test_lets_it(docket, worker, rounds, watch):
    done = []

    async def sort_returns(day):
        done.append(f"sorted {day}")

    async def order_paper():
        done.append("ordered")

    docket.register(watch)
    docket.register(sort_returns)
    docket.register(order_paper)
    await docket.add(watch)("reading room")
    await docket.add(sort_returns)(day="monday")
    await docket.add(order_paper)()

    await worker.run_at_most({"watch": 3})

    assert rounds == ["reading room"] * 3
    assert done == ["sorted monday", "ordered"]
    assert (await docket.snapshot()).total_tasks == 0


async def test_its_key_limits_one_of_several(docket, worker, rounds, watch):
    await docket.add(watch, key="watch:cellar")("cellar")
    await docket.add(watch, key="watch:attic")("attic")
    await worker.run_at_most({"watch:cellar": 1, "watch:attic": 2})
    assert sorted(rounds) == ["attic", "attic", "cellar"]


async def test_without_a_limit_the_run_says_that_it_would_not_end(docket, worker, watch):
    await docket.add(watch)("reading room")
    with pytest.raises(NotFinished, match="run_at_most"):
        await worker.run_until_finished()


@pytest.fixture
def copied():
    """The batches of index cards that were copied."""
    return []


async def test_a_chain_that_perpetuates_itself_runs_under_one_key(docket, worker, copied):
    async def copy_cards(batch, batches, perpetual: Perpetual = Perpetual()):
        copied.append(batch)
        if batch == batches:
            perpetual.cancel()
        perpetual.perpetuate(batch=batch + 1, batches=batches)

    docket.register(copy_cards)
    await docket.add(copy_cards, key="copy-cards")(batch=1, batches=3)
    await worker.run_at_most({"copy-cards": 3})
    assert copied == [1, 2, 3]


async def test_a_chain_that_replaces_itself_does_too(docket, worker, copied):
    async def copy_cards(
        batch,
        batches,
        docket: Docket = CurrentDocket(),
        key: str = TaskKey(),
    ):
        copied.append(batch)
        if batch < batches:
            now = (await docket.snapshot()).taken
            await docket.replace(copy_cards, now, key)(batch=batch + 1, batches=batches)

    docket.register(copy_cards)
    await docket.add(copy_cards, key="copy-cards")(batch=1, batches=3)
    await worker.run_at_most({"copy-cards": 3})
    assert copied == [1, 2, 3]


async def test_a_limit_cuts_a_chain_and_leaves_nothing_behind(docket, worker, copied):
    async def copy_cards(batch, perpetual: Perpetual = Perpetual()):
        copied.append(batch)
        perpetual.perpetuate(batch=batch + 1)

    await docket.add(copy_cards, key="copy-cards")(batch=1)
    await worker.run_at_most({"copy-cards": 5})
    assert copied == [1, 2, 3, 4, 5]
    assert (await docket.snapshot()).future == []


async def test_a_chain_cannot_add_itself_for_a_task_that_runs_has_its_key(docket, worker, copied):
    seen = []

    async def copy_cards(
        batch,
        batches,
        docket: Docket = CurrentDocket(),
        key: str = TaskKey(),
    ):
        copied.append(batch)
        execution = await docket.add(copy_cards, key=key)(batch=batch + 1, batches=batches)
        seen.append(execution.disposition)

    docket.register(copy_cards)
    await docket.add(copy_cards, key="copy-cards")(batch=1, batches=3)
    await worker.run_at_most({"copy-cards": 3})
    assert copied == [1]
    assert seen == [Disposition.ALREADY_SCHEDULED]
