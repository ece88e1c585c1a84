"""A user's own app of the real Soniq, adopted for one test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_taskq.plugin.apps import is_of_library

if TYPE_CHECKING:
    from pytest_taskq.testing.environment import Environment

__all__ = ["own_soniq"]


def own_soniq(environment: Environment, app: Any) -> Any:
    """The app, on a queue of this test until it ends; None for what is no app of Soniq."""
    if not is_of_library(app, "soniq"):
        return None
    from pytest_taskq.adapters.soniq import Adopted

    def adopt() -> Adopted:
        adopted = Adopted(app, environment.new_queue())
        environment.at_end(adopted.close)
        environment.adopt(adopted.under_test())
        return adopted

    return environment.once(Adopted, adopt).app
