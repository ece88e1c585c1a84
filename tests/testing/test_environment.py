"""What one test has is given back when it ends."""

import pytest

from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.testing.environment import Environment


class Counted:
    """Stores in memory, and which of them are not taken away yet."""

    def __init__(self):
        self.left = []

    def open(self):
        self.left.append(MemoryStore())
        return self.left[-1]

    def discard(self, store):
        self.left.remove(store)

    def close(self):
        pass


def fail():
    raise ValueError("cannot be given back")


def test_all_else_is_closed_where_something_cannot_be_given_back():
    stores = Counted()
    environment = Environment(stores)
    queue = environment.new_queue()
    environment.at_end(fail)
    with pytest.raises(ValueError, match="cannot be given back"):
        environment.close()
    assert queue.closed
    assert stores.left == []
