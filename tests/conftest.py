"""What every test of this project may ask for."""

import pytest

from support.stores import Backends

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def backends(tmp_path_factory):
    """Opens stores on any backend; the servers live as long as the tests of this process."""
    found = Backends(tmp_path_factory.mktemp("stores"))
    yield found
    found.close()
