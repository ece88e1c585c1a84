"""What a bakery's job knows about itself, and who is told about it."""

from __future__ import annotations

import pytest

from pytest_taskq.soniq import JobContext, Snooze

pytestmark = pytest.mark.asyncio


async def test_a_job_gets_its_context(soniq_app):
    seen = []

    @soniq_app.job(name="bread.bake", queue="oven", max_retries=1, retry_delay=0)
    async def bake(bread: str, ctx: JobContext):
        seen.append(ctx)
        if ctx.attempt == 1:
            raise RuntimeError("too pale")

    order = await soniq_app.enqueue(bake, bread="rye")
    await soniq_app.run_worker(run_once=True)

    assert [ctx.attempt for ctx in seen] == [1, 2]
    assert {(ctx.job_id, ctx.job_name, ctx.queue) for ctx in seen} == {
        (order, "bread.bake", "oven")
    }
    assert (await soniq_app.get_job(order))["args"] == {"bread": "rye"}


async def test_hooks_are_told_what_happens(soniq_app):
    told = []

    @soniq_app.before_job
    def begins(job_name, job_id, attempts):
        told.append(("begins", job_name, job_id, attempts))

    @soniq_app.after_job
    async def ends(job_name, job_id, duration_ms):
        told.append(("ends", job_name, job_id))
        assert duration_ms >= 0

    @soniq_app.on_error
    async def fails(job_name, job_id, error, attempts):
        told.append(("fails", job_name, job_id, error.splitlines()[0], attempts))

    @soniq_app.job(name="bread.bake", max_retries=1, retry_delay=0)
    async def bake(ctx: JobContext):
        if ctx.attempt == 1:
            raise RuntimeError("too pale")

    order = await soniq_app.enqueue("bread.bake")
    await soniq_app.run_worker(run_once=True)

    assert told == [
        ("begins", "bread.bake", order, 1),
        ("fails", "bread.bake", order, "RuntimeError: too pale", 1),
        ("begins", "bread.bake", order, 2),
        ("ends", "bread.bake", order),
    ]


async def test_a_dough_that_has_not_risen_is_looked_at_later(soniq_app, taskq_clock):
    looks = []

    @soniq_app.job(name="bread.bake", max_retries=0)
    async def bake():
        looks.append(taskq_clock.time())
        return Snooze(seconds=1800, reason="not risen") if len(looks) < 3 else "a loaf"

    order = await soniq_app.enqueue("bread.bake")
    await soniq_app.run_worker(run_once=True)
    assert (await soniq_app.get_job(order))["last_error"] == "SNOOZE: not risen"
    for _ in range(2):
        taskq_clock.advance(minutes=30)
        await soniq_app.run_worker(run_once=True)

    assert await soniq_app.get_result(order) == "a loaf"
    assert (await soniq_app.get_job(order))["attempts"] == 1
