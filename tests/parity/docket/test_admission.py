"""Windows, limits and strikes: what both libraries say of them."""

import asyncio
from datetime import timedelta
from typing import Annotated

import pytest

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)
TINY = timedelta(milliseconds=20)


async def test_a_cooldown_lets_one_start_and_drops_the_others(agree):
    async def story(on):
        async def ring(n, cooldown=on.lib.dependencies.Cooldown(HOUR)):
            on.seen.append(n)

        for n in range(3):
            await on.docket.add(ring, key=f"k{n}")(n)
        await on.run()
        return len(on.seen), sorted([await on.state(f"k{n}") for n in range(3)])

    assert await agree(story) == (1, ["cancelled", "cancelled", "completed"])


async def test_a_cooldown_of_an_argument_is_for_each_value(agree):
    async def story(on):
        async def ring(bell: Annotated[str, on.lib.dependencies.Cooldown(HOUR)]):
            on.seen.append(bell)

        for bell in ("front", "back", "front"):
            await on.docket.add(ring)(bell)
        await on.run()
        return sorted(on.seen)

    assert await agree(story) == ["back", "front"]


async def test_a_debounce_lets_the_first_start_when_it_is_quiet(agree):
    async def story(on):
        async def ring(n, debounce=on.lib.dependencies.Debounce(5 * TINY)):
            on.seen.append(n)

        for n in range(3):
            await on.docket.add(ring, key=f"k{n}")(n)
        await on.run()
        return on.seen, [await on.state(f"k{n}") for n in range(3)]

    assert await agree(story) == ([0], ["completed", "cancelled", "cancelled"])


async def test_a_rate_limit_drops_or_waits(agree):
    async def story(on):
        limit = on.lib.dependencies.RateLimit

        async def drop(n, rate=limit(2, per=HOUR, drop=True)):
            on.seen.append(n)

        async def wait(n, rate=limit(2, per=5 * TINY)):
            on.seen.append(n)

        for _ in range(3):
            await on.docket.add(drop)(1)
            await on.docket.add(wait)(2)
        await on.run()
        return on.seen.count(1), on.seen.count(2)

    assert await agree(story) == (2, 3)


async def test_no_more_run_at_once_than_the_limit_of_their_argument(agree):
    async def story(on):
        running = {"a": 0, "b": 0}

        async def work(shop, limit=on.lib.ConcurrencyLimit("shop", max_concurrent=1)):
            running[shop] += 1
            on.seen.append(running[shop])
            await asyncio.sleep(0.01)
            running[shop] -= 1

        for shop in "aabb":
            await on.docket.add(work)(shop)
        await on.run()
        return on.seen

    assert await agree(story) == [1, 1, 1, 1]


async def test_a_struck_task_is_neither_scheduled_nor_run(agree):
    async def story(on):
        await on.docket.add(on.note, key="before")()
        await on.docket.strike(on.note)
        struck = await on.docket.add(on.note, key="after")()
        await on.run()
        states = await on.state("before"), await on.state("after")
        await on.docket.restore(on.note)
        again = await on.docket.add(on.note)("again")
        await on.run()
        return struck.disposition.value, states, again.disposition.value, on.seen

    told = ("struck", ("cancelled", None), "scheduled", [(("again",), {})])
    assert await agree(story) == told


async def test_a_struck_argument_is_for_every_task(agree):
    async def story(on):
        async def serve(cups):
            on.seen.append(cups)

        await on.docket.strike(None, "cups", ">", 2)
        for cups in (1, 2, 3):
            await on.docket.add(serve)(cups)
        await on.run()
        return on.seen

    assert await agree(story) == [1, 2]
