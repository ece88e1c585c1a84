"""A run of servers of its own, and the programs that this machine has for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_taskq.servers import Found, RunServers, find
from pytest_taskq.servers.launch import data_in_memory
from support.servers import processes


@pytest.fixture
def servers() -> Iterator[RunServers]:
    run = RunServers.make()
    yield run
    run.close()
    assert not Path(run.folder).exists()
    assert not data_in_memory(Path(run.folder)).exists()
    assert processes(run.folder) == {}


@pytest.fixture(scope="session")
def redis() -> Found:
    return find("redis")


@pytest.fixture(scope="session")
def postgres() -> Found:
    return find("postgres")
