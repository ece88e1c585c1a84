"""Dependencies and assertions: what both libraries say of them."""

from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import pytest

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)
TINY = timedelta(milliseconds=20)


async def test_values_are_made_once_and_closed_in_reverse(agree):
    async def story(on):
        @contextmanager
        def kettle():
            on.seen.append("kettle")
            yield "hot"
            on.seen.append("kettle away")

        @asynccontextmanager
        async def pot(kettle=on.lib.Depends(kettle)):
            on.seen.append("pot")
            yield f"{kettle} pot"
            on.seen.append("pot away")

        async def brew(pot=on.lib.Depends(pot), kettle=on.lib.Depends(kettle)):
            on.seen.append(f"{kettle} in {pot}")

        await on.docket.add(brew)()
        await on.run()
        return on.seen

    told = ["kettle", "pot", "hot in hot pot", "pot away", "kettle away"]
    assert await agree(story) == told


async def test_a_value_that_cannot_be_made_fails_the_task(agree):
    async def story(on):
        def broken():
            raise LookupError("no kettle")

        async def brew(kettle=on.lib.Depends(broken)):
            on.seen.append("ran")

        execution = await on.docket.add(brew)()
        await on.run()
        await execution.sync()
        return on.seen, execution.state.value, execution.error

    said = "Failed to resolve dependencies for parameter(s): kettle (1 sub-exception)"
    assert await agree(story) == ([], "failed", f"ExceptionGroup: {said}")


async def test_the_caller_may_give_what_a_dependency_would(agree):
    async def story(on):
        async def brew(tea, pot=on.lib.Depends(lambda: on.seen.append("made"))):
            on.seen.append((tea, pot))

        await on.docket.add(brew)("assam", "mine")
        await on.docket.add(brew)("sencha", pot="mine")
        await on.run()
        return on.seen

    assert await agree(story) == [("assam", "mine"), ("sencha", "mine")]


async def test_a_factory_may_read_the_arguments_of_the_task(agree):
    async def story(on):
        def label(tea=on.lib.TaskArgument(), cups=on.lib.TaskArgument("n", optional=True)):
            return f"{tea} for {cups}"

        def both(label=on.lib.CallArgument()):
            return label.upper()

        async def brew(tea, label=on.lib.Depends(label), both=on.lib.Depends(both)):
            on.seen.append((label, both))

        await on.docket.add(brew)("assam")
        await on.run()
        return on.seen

    assert await agree(story) == [("assam for None", "ASSAM FOR NONE")]


async def test_bindings_take_the_place_of_parameters(agree):
    async def story(on):
        def pot(size=on.lib.TaskArgument("nobody")):
            return size

        async def brew(small=on.lib.Depends(pot, size=1), large=on.lib.Depends(pot, size=9)):
            on.seen.append((small, large))

        await on.docket.add(brew)()
        await on.run()
        return on.seen

    assert await agree(story) == [(1, 9)]


async def test_what_is_shared_is_made_once_for_all_tasks(agree):
    async def story(on):
        def kettle():
            on.seen.append("made")
            return "kettle"

        async def brew(kettle=on.lib.Shared(kettle)):
            on.seen.append(kettle)

        for _ in range(2):
            await on.docket.add(brew)()
        await on.run()
        await on.docket.add(brew)()
        await on.run()
        return on.seen

    assert await agree(story) == ["made", "kettle", "kettle", "kettle"]


async def test_a_task_knows_what_is_around_it(agree):
    async def story(on):
        async def look(
            docket=on.lib.CurrentDocket(),
            worker=on.lib.CurrentWorker(),
            execution=on.lib.CurrentExecution(),
            key=on.lib.TaskKey(),
        ):
            on.seen.append((docket is on.docket, worker is on.worker, execution.key, key))

        await on.docket.add(look, key="k")()
        await on.run()
        return on.seen

    assert await agree(story) == [(True, True, "k", "k")]


async def test_a_dependency_of_the_users_own_is_entered_around_the_task(agree):
    async def story(on):
        class Door(on.lib.dependencies.Dependency):
            async def __aenter__(self):
                on.seen.append("open")
                return "door"

            async def __aexit__(self, kind, error, frames):
                on.seen.append(kind and kind.__name__)

        async def enter(door=Door()):
            on.seen.append(door)
            raise ValueError("nobody")

        await on.docket.add(enter)()
        await on.run()
        return on.seen

    assert await agree(story) == ["open", "door", "ValueError"]


async def test_a_gate_may_put_a_task_off(agree):
    async def story(on):
        blocked = on.lib.dependencies.AdmissionBlocked
        current = on.lib.dependencies.current_execution

        class Gate(on.lib.dependencies.Dependency):
            async def __aenter__(self):
                on.seen.append("asked")
                if len(on.seen) == 1:
                    raise blocked(current.get(), "shut", retry_delay=TINY)

        async def enter(gate=Gate()):
            on.seen.append("in")

        await on.docket.add(enter, key="k")()
        await on.run()
        return on.seen, await on.state("k")

    assert await agree(story) == (["asked", "asked", "in"], "completed")


async def test_two_dependencies_of_a_kind_are_refused(agree):
    async def story(on):
        async def torn(one=on.lib.Retry(), two=on.lib.Retry()):
            """Never called."""

        try:
            on.docket.register(torn)
        except ValueError:
            return "refused"

    assert await agree(story) == "refused"


async def test_assertions_see_what_is_scheduled(agree):
    async def story(on):
        await on.docket.add(on.note, key="k")("tea", cups=2)
        check = on.lib.testing.assert_task_scheduled
        await check(on.docket, on.note, args=("tea",), kwargs={"cups": 2}, key="k")
        await on.lib.testing.assert_task_count(on.docket, count=1)
        for wrong in ({"args": ("milk",)}, {"kwargs": {"cups": 3}}, {"key": "j"}):
            try:
                await check(on.docket, on.note, **wrong)
            except AssertionError:
                on.seen.append("fails")
        return on.seen

    assert await agree(story) == ["fails"] * 3
