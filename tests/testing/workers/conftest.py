"""Each test runs on a clock that jumps, and in real time."""

import pytest


@pytest.fixture(
    autouse=True,
    params=[
        pytest.param(mode, marks=pytest.mark.taskq_time(mode=mode)) for mode in ("auto", "real")
    ],
)
def mode(request):
    return request.param
