"""Enqueueing from the function itself, by reference, and many at once."""

from dataclasses import dataclass

import pytest

from pytest_taskq.soniq import JobContext, SoniqError, TaskRef, errors, make_app, task_ref

pytestmark = pytest.mark.asyncio


@dataclass
class Loaves:
    """A model as pydantic makes them, as far as an app looks at it."""

    n: int

    def __post_init__(self):
        if not isinstance(self.n, int):
            raise ValueError(f"n is {self.n!r}")

    def model_dump(self):
        return {"n": self.n * 10}


@pytest.fixture
def ran():
    return []


@pytest.fixture
def bake(soniq_app, ran):
    @soniq_app.job(name="bake", queue="oven")
    async def bake(n, kind="rye"):
        ran.append((n, kind))

    return bake


async def test_a_job_enqueues_itself(soniq_app, bake, ran):
    await bake.enqueue(n=1)
    order = await bake.options(priority=3, queue="other", scheduled_at=60).enqueue(n=2, kind="oat")
    row = await soniq_app.get_job(order)
    assert (row["priority"], row["queue"], row["args"]) == (3, "other", {"n": 2, "kind": "oat"})
    assert row["scheduled_at"] is not None
    with pytest.raises(TypeError, match=r"bake\.enqueue\(\) .* 1 without a name"):
        await bake.enqueue(1)


async def test_who_replaces_enqueue_of_the_app_gets_those_too(soniq_app, bake, monkeypatch):
    async def instead(target, /, **kwargs):
        return kwargs

    monkeypatch.setattr(soniq_app, "enqueue", instead)
    assert await bake.enqueue(n=1) == {"n": 1}


async def test_an_attribute_of_the_function_s_own_stays(soniq_app):
    async def work(): ...

    work.enqueue = "mine"
    job = soniq_app.job(name="work")(work)
    assert job.enqueue == "mine"
    assert await job.options().enqueue()


async def test_a_model_decides_on_the_arguments_and_reads_them(soniq_app, ran):
    @soniq_app.job(name="modelled", validate=Loaves)
    async def modelled(n, ctx: JobContext):
        ran.append((n, ctx.attempt))

    await soniq_app.enqueue(modelled, n=4)
    with pytest.raises(SoniqError, match="n is 'x'") as caught:
        await soniq_app.enqueue(modelled, n="x")
    assert caught.value.error_code == errors.SONIQ_TASK_ARGS_INVALID
    await soniq_app.run_worker(run_once=True)
    assert ran == [(40, 1)]


@pytest.mark.taskq_strict(False)
async def test_stored_arguments_that_the_model_refuses_are_a_dead_letter_at_once(soniq_app):
    told = []
    soniq_app.on_error(lambda *args: told.append(args))
    soniq_app.job(name="plain")(lambda n: n)
    order = await soniq_app.enqueue("plain", args={"n": "x"})
    soniq_app.job(name="plain", args_model=Loaves)(lambda n: n)
    await soniq_app.run_worker(run_once=True)
    row = await soniq_app.get_job(order)
    assert (row["status"], row["dead_letter_reason"]) == ("dead_letter", "invalid_arguments")
    assert (row["attempts"], row["last_error"]) == (4, "Corrupted argument data: n is 'x'")
    assert told == []


async def test_a_reference_needs_no_registration(soniq_app, bake):
    far = task_ref(name="elsewhere.bake", args_model=Loaves, default_queue="far")
    row = await soniq_app.get_job(await soniq_app.enqueue(far, args={"n": 1}))
    assert (row["job_name"], row["queue"], row["max_attempts"]) == ("elsewhere.bake", "far", 4)
    row = await soniq_app.get_job(await soniq_app.enqueue(far, args={"n": 1}, queue="near"))
    assert row["queue"] == "near"
    with pytest.raises(SoniqError, match="do not fit Loaves"):
        await soniq_app.enqueue(far, args={"n": "x"})
    with pytest.raises(TypeError, match="as keywords"):
        await soniq_app.enqueue(far, n=1)
    row = await soniq_app.get_job(await soniq_app.enqueue(TaskRef("bake"), args={"n": 1}))
    assert row["queue"] == "oven"


async def test_a_reference_is_a_constant():
    ref = task_ref(name="a.b")
    assert ref.with_default_queue("q") == TaskRef("a.b", None, "q")
    assert {ref: 1}[TaskRef("a.b")] == 1
    with pytest.raises(SoniqError):
        task_ref(name="Not A Name")
    assert task_ref(name="Odd", pattern="^[A-Z]").name == "Odd"


async def test_many_are_enqueued_in_order(soniq_app, bake, ran):
    orders = await soniq_app.enqueue_many(bake, [{"n": 1}, {"n": 2}], priority=7)
    rows = [await soniq_app.get_job(order) for order in orders]
    assert [(row["args"], row["priority"]) for row in rows] == [({"n": 1}, 7), ({"n": 2}, 7)]
    assert len(await soniq_app.enqueue_many("bake", [{"n": 3}])) == 1
    assert len(await soniq_app.enqueue_many(TaskRef("x"), [{"n": 4}])) == 1
    assert await soniq_app.enqueue_many(bake, []) == []


async def test_many_are_enqueued_all_or_not_at_all(soniq_app, bake):
    with pytest.raises(SoniqError):
        await soniq_app.enqueue_many(bake, [{"n": 1}, {"m": 2}])
    for wrong in ({"n": 1}, [("n", 1)]):
        with pytest.raises(TypeError, match="list of dicts"):
            await soniq_app.enqueue_many(bake, wrong)
    soniq_app.job(name="once", unique=True)(lambda: 1)
    with pytest.raises(TypeError, match="unique"):
        await soniq_app.enqueue_many("once", [{}])
    assert await soniq_app.list_jobs() == []


async def test_a_connection_is_refused_in_a_clear_word(soniq_app, bake):
    with pytest.raises(ValueError, match="Transactional enqueue is not supported"):
        await soniq_app.enqueue(bake, n=1, connection=object())
    with pytest.raises(ValueError, match="Transactional enqueue is not supported"):
        soniq_app.backend.acquire()


async def test_a_result_is_read_as_the_model_that_is_asked_for(soniq_app):
    soniq_app.job(name="dict")(lambda: {"n": 4})
    soniq_app.job(name="int")(lambda: 4)
    first, second = await soniq_app.enqueue("dict"), await soniq_app.enqueue("int")
    assert await soniq_app.get_result(first, result_model=Loaves) is None
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_result(first, result_model=Loaves) == Loaves(4)
    assert await soniq_app.get_result(second, result_model=str) == "4"


async def test_the_registry_shows_the_options_of_a_job(soniq_app, bake):
    registry = soniq_app.registry
    assert registry.get_job("bake")["queue"] == "oven"
    assert registry.get_job("cake") is None
    assert ([*registry], len(registry), "bake" in registry) == (["bake"], 1, True)
    assert registry.list_jobs()["bake"]["max_retries"] == 3
    assert make_app().registry.list_jobs() == {}
