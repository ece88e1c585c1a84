"""The suite that proves a store: its author writes one method and inherits the tests."""

from __future__ import annotations

from typing import ClassVar

from pytest_taskq.core.store import Store
from pytest_taskq.testing._conformance.claim import ClaimTests
from pytest_taskq.testing._conformance.find import FindTests
from pytest_taskq.testing._conformance.handles import HandleTests
from pytest_taskq.testing._conformance.model import ModelTests
from pytest_taskq.testing._conformance.names import NameTests
from pytest_taskq.testing._conformance.put import PutTests
from pytest_taskq.testing._conformance.races import RaceTests
from pytest_taskq.testing._conformance.records import RecordTests
from pytest_taskq.testing._conformance.telling import TellingTests

__all__ = ["StoreConformance"]


class StoreConformance(
    PutTests,
    RecordTests,
    NameTests,
    FindTests,
    ClaimTests,
    TellingTests,
    HandleTests,
    RaceTests,
    ModelTests,
):
    """Every promise of the ``Store`` protocol as a test whose name is the promise.

        class TestMyStore(StoreConformance):
            async def open_store(self, namespace):
                return MyStore(URL, namespace)

    The tests are sync and bring a loop of their own each, so no plug-in for asyncio is needed
    and none is in the way. Fixtures of pytest work as in any class of tests.

    The last test lets Hypothesis compare the store with the one in memory: ``model_sequences``
    times, over up to ``model_steps`` calls. The environment may ask for other sequences:
    ``TASKQ_MODEL_SEQUENCES`` is how many, ``TASKQ_MODEL_SEED`` chooses them.
    """

    model_sequences: ClassVar[int] = 100
    model_steps: ClassVar[int] = 50

    async def open_store(self, namespace: str) -> Store:
        """A new handle on the jobs of ``namespace``, a name of letters, digits and underscores.

        Called twice and more for one namespace; all the handles see the same jobs. A namespace
        is new in each test. The suite closes the handles, and clears the namespace if the test
        passed.
        """
        raise NotImplementedError("Write open_store() in your subclass of StoreConformance.")
