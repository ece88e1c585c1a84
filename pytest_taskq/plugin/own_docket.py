"""A user's own Docket of the real library, watched for one test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_taskq.plugin.apps import is_of_library

if TYPE_CHECKING:
    from pytest_taskq.testing.environment import Environment

__all__ = ["own_docket"]


def own_docket(environment: Environment, app: Any) -> bool:
    """Whether the app is a Docket of the real library; the harness then looks at it."""
    if not is_of_library(app, "docket"):
        return False
    from pytest_taskq.adapters.docket import Adopted

    def adopt() -> Adopted:
        environment.stay_real("A real Docket")
        adopted = Adopted(app, environment.clock)
        environment.at_end(adopted.close)
        environment.adopt(adopted.under_test())
        return adopted

    environment.once(Adopted, adopt)
    return True
