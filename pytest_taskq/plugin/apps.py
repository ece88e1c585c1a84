"""A user's own app of a real library: whose it is, and how a test adopts it until it ends.

Nothing here imports a library that nobody else has imported.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_taskq.adapters.docket import Adopted as AdoptedDocket
    from pytest_taskq.adapters.procrastinate import Adopted as AdoptedProcrastinate
    from pytest_taskq.adapters.soniq import Adopted as AdoptedSoniq
    from pytest_taskq.testing.environment import Environment

__all__ = ["django_app", "empty_django_tables", "own_docket", "own_procrastinate", "own_soniq"]

CONTRIB = "procrastinate.contrib.django"
COMMITTING = frozenset({"transactional_db", "django_db_reset_sequences", "live_server"})


def own_docket(environment: Environment, app: Any) -> bool:
    """Whether the app is a Docket of the real library; the harness then looks at it."""
    if not _is_of_library(app, "docket"):
        return False

    def adopt() -> AdoptedDocket:
        from pytest_taskq.adapters.docket import Adopted

        environment.stay_real("A real Docket")
        adopted = Adopted(app, environment.clock)
        environment.at_end(adopted.close)
        environment.adopt(adopted.under_test())
        return adopted

    environment.once("own docket", adopt)
    return True


def own_procrastinate(environment: Environment, app: Any) -> AdoptedProcrastinate | None:
    """The app, or without one Django's, on a queue of this test; None for no Procrastinate."""
    app = django_app() if app is None else app
    if app is None or not _is_of_library(app, "procrastinate"):
        return None

    def adopt() -> AdoptedProcrastinate:
        adopted: AdoptedProcrastinate
        if _is_djangos(app):
            from pytest_taskq.adapters.django import DjangoAdopted

            adopted = DjangoAdopted(app, environment.new_queue())
        else:
            from pytest_taskq.adapters.procrastinate import Adopted

            adopted = Adopted(app, environment.new_queue())
        environment.at_end(adopted.close)
        environment.unawaited.run_by = adopted.run_sync
        environment.adopt(adopted.under_test())
        return adopted

    return environment.once("own procrastinate", adopt)


def own_soniq(environment: Environment, app: Any) -> Any:
    """The app, on a queue of this test until it ends; None for what is no app of Soniq."""
    if app is None or not _is_of_library(app, "soniq"):
        return None

    def adopt() -> AdoptedSoniq:
        from pytest_taskq.adapters.soniq import Adopted

        adopted = Adopted(app, environment.new_queue())
        environment.at_end(adopted.close)
        environment.adopt(adopted.under_test())
        return adopted

    return environment.once("own soniq", adopt).app


def django_app() -> Any:
    """The app of Procrastinate's Django integration, where a project has it installed."""
    registry = getattr(sys.modules.get("django.apps"), "apps", None)
    if registry is None or not registry.ready or not registry.is_installed(CONTRIB):
        return None
    return registry.get_app_config("procrastinate").app


def empty_django_tables(item: pytest.Item) -> None:
    """After a test that commits, delete what Procrastinate has in the database.

    Django flushes its own tables only; without this the jobs of one test are in the next one.
    """
    if "django.test" not in sys.modules or django_app() is None:
        return
    from pytest_taskq.adapters.django import close_connections, empty_tables, is_transactional

    mark = item.get_closest_marker("django_db")
    marked = mark is not None and (mark.kwargs.get("transaction") or mark.args[:1] == (True,))
    asked = COMMITTING.intersection(getattr(item, "fixturenames", ()))
    if marked or asked or is_transactional(getattr(item, "cls", None)):
        close_connections()
        empty_tables()


def _is_of_library(app: object, library: str) -> bool:
    """Whether the class of an object, or one that it inherits from, is of this package."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(app).__mro__)


def _is_djangos(app: Any) -> bool:
    """Whether an app of Procrastinate keeps its jobs by Django's connection."""
    return any(kind.__module__.startswith(CONTRIB) for kind in type(app.connector).__mro__)
