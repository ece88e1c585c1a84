"""What becomes of the films that are in the baths when the lab closes."""

import pytest

from photolab.films import Film
from photolab.lab import PhotoLab

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict("errors", "tasks", "exceptions")]


@pytest.fixture
def probe(taskq):
    return taskq.concurrency()


@pytest.fixture
def lab(mailbox, machine, probe):
    mailbox.post(1, 2, 3)
    return PhotoLab(mailbox.collect, probe(machine.develop), baths=2, grace=90)


async def test_those_that_are_ready_within_the_grace_are_finished(taskq, lab, probe):
    async with taskq.running(lab, until=lab.open, within=120) as w:
        await taskq.settle()
        report = await w.shutdown(in_flight=probe, put_back=lab.shelf)
    assert report.finished == [Film(1, "ann"), Film(2, "ann")]
    assert lab.pictures == {1: "picture 1", 2: "picture 2"}
    assert lab.shelf.qsize() == 1


async def test_those_that_are_not_go_back_to_the_shelf(taskq, lab, probe, machine):
    machine.takes = {1: 3600}
    async with taskq.running(lab, until=lab.open, within=120) as w:
        await taskq.settle()
        report = await w.shutdown(in_flight=probe, put_back=lab.shelf)
    assert report.finished == [Film(2, "ann")]
    assert report.put_back == [Film(1, "ann")]
    assert report.lost == []
