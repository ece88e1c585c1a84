"""Keys, states and times: what our facade and the real library say of them."""

import asyncio

import pytest

pytestmark = pytest.mark.asyncio


async def test_a_task_runs_with_its_arguments(agree):
    async def story(on):
        execution = await on.docket.add(on.note)(1, two=2)
        before = execution.state.value, execution.disposition.value
        await on.run()
        await execution.sync()
        return before, on.seen, execution.state.value

    assert await agree(story) == (("queued", "scheduled"), [((1,), {"two": 2})], "completed")


async def test_the_second_add_under_a_key_is_ignored(agree):
    async def story(on):
        answers = [await on.docket.add(on.note, key="k")(n) for n in range(3)]
        await on.run()
        return [answer.disposition.value for answer in answers], on.seen

    said = ["scheduled", "already_scheduled", "already_scheduled"]
    assert await agree(story) == (said, [((0,), {})])


async def test_an_ignored_add_says_scheduled_until_it_is_synced(agree):
    async def story(on):
        await on.docket.add(on.note, key="k")()
        second = await on.docket.add(on.note, key="k")()
        before = second.state.value
        await second.sync()
        return before, second.state.value

    assert await agree(story) == ("scheduled", "queued")


async def test_a_key_is_free_once_its_task_has_ended(agree):
    async def story(on):
        for n in range(2):
            await on.docket.add(on.note, key="k")(n)
            await on.run()
        return on.seen

    assert await agree(story) == [((0,), {}), ((1,), {})]


async def test_a_running_task_holds_its_key(agree):
    async def story(on):
        async def again(docket=on.lib.CurrentDocket()):
            answer = await docket.add(on.note, key="k")()
            on.seen.append(answer.disposition.value)

        await on.docket.add(again, key="k")()
        await on.run()
        return on.seen

    assert await agree(story) == ["already_scheduled"]


async def test_a_scheduler_that_is_used_twice_has_one_key(agree):
    async def story(on):
        add = on.docket.add(on.note)
        first, second = await add(1), await add(2)
        await on.run()
        return first.key == second.key, on.seen

    assert await agree(story) == (True, [((1,), {})])


async def test_replace_takes_the_place_of_what_waits(agree):
    async def story(on):
        await on.docket.add(on.note, when=on.far(), key="k")("old")
        answer = await on.docket.replace(on.note, on.soon(0), "k")("new")
        waiting = await on.waiting()
        await on.run()
        return answer.disposition.value, waiting, on.seen

    assert await agree(story) == ("scheduled", ["k"], [(("new",), {})])


async def test_replace_of_a_running_task_runs_beside_it(agree):
    async def story(on):
        async def work(name, docket=on.lib.CurrentDocket()):
            on.seen.append(name)
            if name == "first":
                await docket.replace(work, on.soon(0), "k")("second")

        await on.docket.add(work, key="k")("first")
        await on.run()
        return on.seen, await on.state("k")

    assert await agree(story) == (["first", "second"], "completed")


async def test_a_later_task_is_parked_and_runs_when_it_is_due(agree):
    async def story(on):
        execution = await on.docket.add(on.note, when=on.soon())("tea")
        before = execution.state.value
        await on.run()
        return before, on.seen

    assert await agree(story) == ("scheduled", [(("tea",), {})])


async def test_a_time_in_the_past_means_now(agree):
    async def story(on):
        execution = await on.docket.add(on.note, when=on.soon(-60_000))()
        return execution.state.value

    assert await agree(story) == "queued"


async def test_a_time_without_a_zone_is_refused(agree):
    async def story(on):
        try:
            await on.docket.add(on.note, when=on.far().replace(tzinfo=None))()
        except TypeError:
            return "refused"

    assert await agree(story) == "refused"


async def test_a_snapshot_has_what_is_due_before_what_is_parked(agree):
    async def story(on):
        await on.docket.add(on.note, when=on.far(), key="parked")()
        await on.docket.add(on.note, key="due")()
        snapshot = await on.docket.snapshot()
        return [one.key for one in snapshot.future], snapshot.total_tasks, snapshot.running

    assert await agree(story) == (["due", "parked"], 2, [])


async def test_a_task_sees_itself_among_the_running(agree):
    async def story(on):
        async def look(docket=on.lib.CurrentDocket()):
            snapshot = await docket.snapshot()
            on.seen.extend((one.key, one.worker, one.state.value) for one in snapshot.running)

        await on.docket.add(look, key="k")()
        await on.run()
        return on.seen

    assert await agree(story) == [("k", "w", "running")]


async def test_cancel_takes_back_what_waits(agree):
    async def story(on):
        execution = await on.docket.add(on.note, when=on.far(), key="k")()
        await on.docket.cancel("k")
        await on.docket.cancel("nobody")
        await execution.sync()
        await on.run()
        return execution.state.value, on.seen, await on.waiting()

    assert await agree(story) == ("cancelled", [], [])


async def test_cancel_stops_what_runs(agree):
    async def story(on):
        began = asyncio.Event()

        async def wait():
            began.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                on.seen.append("told")
                raise

        execution = await on.docket.add(wait, key="k")()
        running = asyncio.ensure_future(on.run())
        await began.wait()
        await asyncio.sleep(0.15)  # until the real worker listens for cancellations
        await on.docket.cancel("k")
        await running
        await execution.sync()
        return on.seen, execution.state.value

    assert await agree(story) == (["told"], "cancelled")


async def test_clear_cancels_all_that_waits_and_frees_the_keys(agree):
    async def story(on):
        await on.docket.add(on.note, when=on.far(), key="a")()
        await on.docket.add(on.note, key="b")()
        cleared = await on.docket.clear()
        states = [await on.state(key) for key in "ab"]
        again = await on.docket.add(on.note, key="a")()
        return cleared, states, again.disposition.value

    assert await agree(story) == (2, ["cancelled", "cancelled"], "scheduled")


async def test_an_unknown_key_is_nothing(agree):
    async def story(on):
        return await on.docket.get_execution("nobody")

    assert await agree(story) is None


async def test_a_looked_up_execution_has_its_arguments(agree):
    async def story(on):
        await on.docket.add(on.note, when=on.far(), key="k")("tea", cups=2)
        found = await on.docket.get_execution("k")
        return found.args, found.kwargs, found.function_name, found.state.value

    assert await agree(story) == (("tea",), {"cups": 2}, "note", "scheduled")


async def test_a_name_that_is_not_registered_is_refused(agree):
    async def story(on):
        on.docket.register(on.note)
        await on.docket.add("note")("by name")
        try:
            on.docket.add("nobody")
        except KeyError:
            on.seen.append("refused")
        await on.run()
        return on.seen

    assert await agree(story) == ["refused", (("by name",), {})]


async def test_a_task_that_nobody_knows_completes_without_running(agree):
    async def story(on):
        await on.docket.add(on.note, key="k")()
        del on.docket.tasks["note"]
        await on.run()
        return on.seen, await on.state("k")

    assert await agree(story) == ([], "completed")


async def test_a_batch_tells_of_each_call(agree):
    async def story(on):
        calls = [on.docket.call(on.note, key=key)(key) for key in ("a", "b", "a")]
        answers = await on.docket.add_many(calls, chunk_size=2)
        await on.run()
        return [answer.disposition.value for answer in answers], sorted(on.seen)

    said = ["scheduled", "scheduled", "already_scheduled"]
    assert await agree(story) == (said, [(("a",), {}), (("b",), {})])


async def test_a_batch_replaces_what_waits(agree):
    async def story(on):
        await on.docket.add(on.note, when=on.far(), key="a")("old")
        await on.docket.replace_many([on.docket.call(on.note, key="a")("new")])
        await on.run()
        return on.seen

    assert await agree(story) == [(("new",), {})]


async def test_agendas_are_spread_from_start_to_end(agree):
    async def story(on):
        agenda, start = on.lib.Agenda(), on.far()
        for n in range(3):
            agenda.add(on.note)(n)
        placed = await agenda.scatter(on.docket, over=on.far() - on.soon(0), start=start)
        gaps = [round((one.when - start).total_seconds() / 600) for one in placed]
        return gaps, len(agenda)

    assert await agree(story) == ([0, 3, 6], 3)
