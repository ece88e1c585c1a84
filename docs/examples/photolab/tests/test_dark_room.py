"""The light is on again whatever happens to a film."""

import pytest

from photolab.films import Film

pytestmark = [pytest.mark.asyncio, pytest.mark.taskq_strict("errors", "tasks", "exceptions")]

FILM = Film(1, "ann")


async def test_a_film_is_given_up_after_two_minutes(taskq, dark_room, machine):
    machine.takes = {1: 3600}
    await taskq.assert_times_out(dark_room.develop(FILM), after=120)
    assert dark_room.light


async def test_the_light_is_on_again_when_it_is_cancelled(taskq, dark_room):
    await taskq.cancel_and_check(dark_room.develop(FILM), cleaned=lambda: dark_room.light)


async def test_wherever_that_happens(taskq, dark_room):
    awaits = await taskq.cancel_at_every_await(
        lambda: dark_room.develop(FILM), cleaned=lambda: dark_room.light, within=120
    )
    assert awaits == 1
