"""What capture() gives asserts, and is no list."""

import pytest

from pytest_taskq import job
from pytest_taskq.core.errors import BadOption


async def bake(kind): ...


@pytest.fixture
def captured(taskq, docket):
    with taskq.capture() as captured:
        taskq.enqueue(job(bake, "rye"))
    return captured


def test_it_asserts_and_lists(captured):
    captured.assert_enqueued([job(bake, "rye")])
    assert captured.jobs() == [job(bake, "rye")]


@pytest.mark.parametrize(
    "use",
    [
        lambda captured: captured == [],
        lambda captured: captured == (),
        lambda captured: captured[0],
        lambda captured: bake in captured,
        len,
        list,
        bool,
    ],
)
def test_as_a_list_it_is_refused(captured, use):
    with pytest.raises(BadOption, match=r"captured is no list\..*captured\.assert_enqueued"):
        use(captured)


def test_it_equals_itself_alone(captured, taskq):
    with taskq.capture() as other:
        pass
    assert (captured == captured, captured == other, captured == 7) == (True, False, False)  # noqa: PLR0124
    assert len({captured, other}) == 2
