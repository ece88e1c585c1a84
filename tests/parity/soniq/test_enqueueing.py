"""What may be enqueued, what is refused, and which job is the one that is there already."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

pytestmark = pytest.mark.asyncio


class Loaf(BaseModel):
    n: int
    kind: str = "rye"


@pytest.fixture
def send(app):
    @app.job(name="send", queue="mail", priority=50)
    async def send(to, copies=1):
        return to

    return send


async def refused(words, coroutine):
    with pytest.raises(words.SoniqError) as caught:
        await coroutine
    return caught.value.error_code


async def test_three_ways_to_say_which_job(app, words, send):
    orders = [
        await app.enqueue(send, to="ann"),
        await app.enqueue("send", args={"to": "ann"}),
        await app.enqueue(words.TaskRef("send"), args={"to": "ann"}),
        await send.enqueue(to="ann"),
    ]
    for order in orders:
        row = await app.get_job(order)
        assert (row["job_name"], row["args"]) == ("send", {"to": "ann"})
        assert (row["queue"], row["priority"]) == ("mail", 50)


async def test_what_mixes_the_ways_is_a_type_error(app, words, send):
    for call in (
        app.enqueue(send, args={"to": "ann"}),
        app.enqueue("send", to="ann"),
        app.enqueue(words.TaskRef("send"), to="ann"),
        app.enqueue(42),
        app.enqueue("send", args=["ann"]),
    ):
        with pytest.raises(TypeError):
            await call
    with pytest.raises(TypeError):
        app.job(send)


async def test_what_cannot_run_is_refused_by_its_code(app, words, send):
    unknown, bad = words.SONIQ_UNKNOWN_TASK_NAME, words.SONIQ_TASK_ARGS_INVALID
    assert await refused(words, app.enqueue("nobody")) == unknown
    assert await refused(words, app.enqueue("Not A Name")) == words.SONIQ_INVALID_TASK_NAME
    assert await refused(words, app.enqueue(send)) == bad
    assert await refused(words, app.enqueue(send, to="ann", cc="bob")) == bad
    assert await refused(words, app.enqueue(send, to=object())) == bad
    with pytest.raises(words.SoniqError):
        app.job(name="Not A Name")(lambda: 1)
    assert await app.list_jobs() == []


async def test_an_unknown_name_may_be_let_through(make, words):
    app = make(enqueue_validation="none")
    row = await app.get_job(await app.enqueue("far.away", args={"a": 1}))
    assert (row["queue"], row["priority"], row["max_attempts"]) == ("default", 100, 4)


async def test_a_model_decides_on_the_arguments(app, words):
    seen = []

    @app.job(name="bake", validate=Loaf)
    async def bake(n, kind):
        seen.append((n, kind))

    await app.enqueue(bake, n="3")
    assert await refused(words, app.enqueue(bake, n="x")) == words.SONIQ_TASK_ARGS_INVALID
    await app.run_worker(run_once=True)
    assert seen == [(3, "rye")]


async def test_a_reference_checks_by_its_own_model(app, words):
    ref = words.task_ref(name="far.bake", args_model=Loaf, default_queue="far")
    row = await app.get_job(await app.enqueue(ref, args={"n": 1}))
    assert (row["queue"], row["args"]) == ("far", {"n": 1})
    assert await refused(words, app.enqueue(ref, args={})) == words.SONIQ_TASK_ARGS_INVALID
    assert ref.with_default_queue("near").default_queue == "near"


async def test_a_time_is_an_instant_or_a_wait(app, send, taskq_clock):
    now = taskq_clock.time()
    for when in (60, 60.0, timedelta(minutes=1), now + timedelta(minutes=1)):
        row = await app.get_job(await app.enqueue(send, to="ann", scheduled_at=when))
        assert row["scheduled_at"] == (now + timedelta(minutes=1)).isoformat()
    row = await app.get_job(await app.schedule("send", 60, args={"to": "ann"}))
    assert row["scheduled_at"] == (now + timedelta(minutes=1)).isoformat()
    with pytest.raises(ValueError, match=r"zone|aware"):
        await app.enqueue(send, to="ann", scheduled_at=datetime(2030, 1, 1))
    assert datetime.now(UTC) == now


async def test_a_unique_job_is_one_while_it_waits(app):
    @app.job(name="sync", unique=True)
    async def sync(user, part="all"):
        assert await app.enqueue(sync, user=user) != first

    first = await app.enqueue(sync, user=1)
    assert await app.enqueue(sync, user=1, queue="other") == first
    assert await app.enqueue(sync, user=2) != first
    assert await app.enqueue(sync, user=1, unique=False) != first
    row = await app.get_job(first)
    assert (bool(row["unique_job"]), len(row["args_hash"])) == (True, 64)
    await app.cancel_job(first)
    assert await app.enqueue(sync, user=1) != first


async def test_a_dedup_key_is_one_whatever_the_job(app, send):
    app.job(name="other")(lambda: 1)
    first = await app.enqueue(send, to="ann", dedup_key="monday")
    assert await app.enqueue("other", dedup_key="monday") == first
    assert (await app.get_job(first))["dedup_key"] == "monday"
    await app.run_worker(run_once=True)
    assert await app.enqueue("other", dedup_key="monday") != first


async def test_many_at_once_keep_their_order(app, send):
    orders = await app.enqueue_many(send, [{"to": "ann"}, {"to": "bob"}], priority=3)
    rows = [await app.get_job(order) for order in orders]
    assert [(row["args"]["to"], row["priority"]) for row in rows] == [("ann", 3), ("bob", 3)]
    assert await app.enqueue_many(send, []) == []
    app.job(name="once", unique=True)(lambda: 1)
    for call in (app.enqueue_many("once", [{}]), app.enqueue_many(send, {"to": "ann"})):
        with pytest.raises(TypeError):
            await call


async def test_rows_are_listed_by_queue_and_status(app, send, taskq_clock):
    mail = await app.enqueue(send, to="ann")
    taskq_clock.advance(1)
    other = await app.enqueue(send, to="bob", queue="other")

    async def listed(**given):
        return [row["id"] for row in await app.list_jobs(**given)]

    assert await listed() == [other, mail]
    assert await listed(queue="mail") == [mail]
    assert await app.cancel_job(mail) is True
    assert await app.cancel_job(mail) is False
    assert (await listed(status="cancelled"), await listed(status="queued")) == ([mail], [other])
    assert await listed(limit=1, offset=1) == [mail]
    assert await app.delete_job(other) is True
    assert await app.delete_job(other) is await app.cancel_job("nobody") is False
    assert await app.get_job(other) is None


async def test_the_longest_prefix_says_the_queue(make):
    app = make(route_map={"mail.": "slow", "mail.urgent.": "fast"})
    for name in ("mail.send", "mail.urgent.send", "print"):
        app.job(name=name)(lambda: 1)
    app.job(name="mail.own", queue="mine")(lambda: 1)
    queues = {
        row["job_name"]: row["queue"]
        for name in ("mail.send", "mail.urgent.send", "print", "mail.own")
        for row in [await app.get_job(await app.enqueue(name))]
    }
    assert queues == {
        "mail.send": "slow", "mail.urgent.send": "fast", "print": "default", "mail.own": "mine"
    }  # fmt: skip


async def test_a_connection_is_refused(app, send):
    with pytest.raises(ValueError, match="Transactional enqueue is not supported"):
        await app.enqueue(send, to="ann", connection=object())
    with pytest.raises(ValueError, match="Transactional enqueue is not supported"):
        app.backend.acquire()


async def test_nothing_is_taken_after_closing(make, words):
    app = make()
    app.job(name="one")(lambda: 1)
    await app.enqueue("one")
    await app.close()
    await app.close()
    assert app.is_closed is True
    assert await refused(words, app.enqueue("one")) == "SONIQ_APP_CLOSED"


async def test_settings_out_of_bounds_are_value_errors(make):
    for setting in ({"priority": 0}, {"job_timeout": 0.5}, {"enqueue_validation": "loose"}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            make(**setting)
    assert make(job_timeout=0).settings.job_timeout is None


async def test_a_row_tells_which_app_enqueued_it(make, words):
    ann = make(producer_id="ann", enqueue_validation="none")
    bob = words.Soniq(backend=ann.backend, producer_id="bob", enqueue_validation="none")
    orders = [await app.enqueue("bread.bake") for app in (ann, bob)]
    for reader in (ann, bob):
        rows = [await reader.get_job(order) for order in orders]
        assert [row["producer_id"] for row in rows] == ["ann", "bob"]


async def test_a_row_tells_the_process_unless_it_has_a_name(app, send):
    row = await app.get_job(await app.enqueue(send, to="ann"))
    host, process, program = row["producer_id"].split(":")
    assert (host == "", process.isdigit(), program == "") == (False, True, False)


async def test_of_many_the_one_that_does_not_fit_is_told_by_its_place(app, words):
    @app.job(name="loaf", args_model=Loaf)
    async def loaf(n, kind="rye"):
        pass

    ref = words.task_ref(name="elsewhere.loaf", args_model=Loaf)
    for target in ("loaf", loaf, ref):
        with pytest.raises(words.SoniqError) as caught:
            await app.enqueue_many(target, [{"n": 1}, {"n": 2}, {"n": "three"}])
        assert caught.value.error_code == words.SONIQ_TASK_ARGS_INVALID
        assert caught.value.context["index"] == 2
    assert await app.list_jobs() == []


async def test_of_an_unknown_name_one_warning_is_given(make, caplog):
    app = make(enqueue_validation="warn")
    name = f"loaf_{uuid.uuid4().hex}"  # of each the library warns once in a process
    for each in (name, f"{name}.other", name, name):
        await app.enqueue(each)
    assert caplog.text.count(name) == 2
    assert caplog.text.count(f"{name}.other") == 1
