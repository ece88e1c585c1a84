"""The whole service: what comes in is developed, two at a time, as long as the lab is open."""

import asyncio

import pytest

from photolab.lab import PhotoLab

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.taskq_strict("errors", "tasks", "exceptions"),
    pytest.mark.taskq_noblock(0.5),
]


async def test_films_from_the_mail_are_developed(taskq, mailbox, machine):
    mailbox.post(1, 2, 3)
    machine.spoils = {2}
    lab = PhotoLab(mailbox.collect, machine.develop)

    async with taskq.running(lab, until=lab.open):
        await taskq.settle()
        await taskq.drained(lab.shelf, within=300)
        taskq.assert_consumed(lab.shelf, 3)

    assert lab.pictures == {1: "picture 1", 3: "picture 3"}
    assert [film.number for film in lab.spoiled] == [2]


async def test_the_mail_is_looked_at_every_ten_minutes(taskq, taskq_clock, mailbox, machine):
    lab = PhotoLab(mailbox.collect, machine.develop)
    async with taskq.running(lab, until=lab.open):
        await taskq.settle()
        mailbox.post(7)
        await taskq_clock.elapse("9m59s")
        assert mailbox.films
        await taskq_clock.elapse("1s")
        assert not mailbox.films
        await taskq_clock.elapse("1m")
    assert lab.pictures == {7: "picture 7"}


async def test_both_baths_are_used_and_no_more(taskq, mailbox, machine):
    probe = taskq.concurrency()
    mailbox.post(*range(6))
    lab = PhotoLab(mailbox.collect, probe(machine.develop), baths=2)
    async with taskq.running(lab, until=lab.open):
        await taskq.settle()
        await taskq.drained(lab.shelf, within=600)
    probe.assert_max(2)
    probe.assert_reached(2)


async def test_with_one_bath_no_two_films_are_open_at_once(taskq, mailbox, machine):
    probe = taskq.concurrency()
    mailbox.post(1, 2, 3)
    lab = PhotoLab(mailbox.collect, probe(machine.develop), baths=1)
    async with taskq.running(lab, until=lab.open):
        await taskq.settle()
        await taskq.drained(lab.shelf, within=600)
    probe.assert_never_overlapped()


async def test_a_film_that_takes_too_long_is_spoiled_and_the_next_one_comes(
    taskq, mailbox, machine, dark_room
):
    mailbox.post(1, 2)
    machine.takes = {1: 3600}
    lab = PhotoLab(mailbox.collect, dark_room.develop, baths=1)
    async with taskq.running(lab, until=lab.open):
        await taskq.settle()
        await taskq.drained(lab.shelf, within=600)
    assert lab.pictures == {2: "picture 2"}
    assert [film.number for film in lab.spoiled] == [1]


async def test_the_lab_closes_at_sigterm(taskq, mailbox, machine):
    lab = PhotoLab(mailbox.collect, machine.develop)
    async with taskq.running(lab, until=lab.open) as w:
        w.signal("SIGTERM")
        await w.assert_stopped()


async def test_the_lab_can_be_cancelled_at_any_time(taskq, mailbox, machine):
    def open_a_lab():
        mailbox.post(1)
        return PhotoLab(mailbox.collect, machine.develop).run()

    await taskq.cancel_at_every_await(open_a_lab)
    assert asyncio.all_tasks() == {asyncio.current_task()}
