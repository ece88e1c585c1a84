"""The promise behind all others: answers are those of the store in memory, whatever is asked."""

from __future__ import annotations

import asyncio
import os
from typing import ClassVar

from pytest_taskq.core.errors import MissingExtra
from pytest_taskq.core.store import Store
from pytest_taskq.engine.sync import drive
from pytest_taskq.testing._conformance.bench import new_namespace

__all__ = ["ModelTests"]


class ModelTests:
    model_sequences: ClassVar[int] = 100
    model_steps: ClassVar[int] = 50

    async def open_store(self, namespace: str) -> Store:
        raise NotImplementedError

    def test_it_answers_as_the_store_in_memory_does_whatever_is_asked(self) -> None:
        try:
            from pytest_taskq.testing.strategies import compare_with_memory
        except ModuleNotFoundError as missing:
            if missing.name != "hypothesis":
                raise
            raise MissingExtra("hypothesis", "hypothesis") from None
        seed = os.environ.get("TASKQ_MODEL_SEED")
        sequences = int(os.environ.get("TASKQ_MODEL_SEQUENCES", self.model_sequences))
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            namespace = new_namespace()
            one = runner.run(self.open_store(namespace))
            two = runner.run(self.open_store(namespace))
            try:
                compare_with_memory(
                    (one, two),
                    drive if one.immediate else runner.get_loop().run_until_complete,
                    sequences=sequences,
                    steps=self.model_steps,
                    seed=None if seed is None else int(seed),
                )
                runner.run(one.clear())
            finally:
                runner.run(two.aclose())
                runner.run(one.aclose())
