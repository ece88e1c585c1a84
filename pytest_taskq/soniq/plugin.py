"""Plugins of an app, and what they may leave with it for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from pytest_taskq.core.errors import BadOption

__all__ = [
    "CommandSpec",
    "PanelSpec",
    "PluginRegistry",
    "Shelf",
    "SoniqPlugin",
    "discover_plugins",
]

GROUP = "soniq.plugins"
Plugins = list["SoniqPlugin"]


@runtime_checkable
class SoniqPlugin(Protocol):
    """Wires itself into an app: hooks, middleware, jobs.

    It may also have ``async on_startup(app)``, which ``app.setup()`` calls, and
    ``async on_shutdown(app)``, which ``app.close()`` calls, the last plugin first.
    """

    name: str
    version: str

    def install(self, app: Any) -> None:
        """Called once, by ``app.use(plugin)``."""


class PluginRegistry:
    """The plugins of an app, by name and in order."""

    def __init__(self, plugins: Sequence[SoniqPlugin]) -> None:
        self._plugins = plugins

    def __getitem__(self, name: str) -> SoniqPlugin:
        for plugin in self._plugins:
            if plugin.name == name:
                return plugin
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(plugin.name == name for plugin in self._plugins)

    def __iter__(self) -> Iterator[SoniqPlugin]:
        return iter(self._plugins)

    def __len__(self) -> int:
        return len(self._plugins)

    def list(self) -> Plugins:
        """The plugins in the order in which they came."""
        return [*self._plugins]


@dataclass
class CommandSpec:
    """A subcommand, for ``app.cli.add_command``.

    ``arguments``: for each one a dict with the "args" and "kwargs" of argparse's add_argument.
    """

    name: str
    help: str
    handler: Callable[..., Any]
    description: str | None = None
    arguments: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PanelSpec:
    """A panel, for ``app.dashboard.add_panel``; ``render(app)`` is awaited for HTML or a dict."""

    id: str
    title: str
    render: Callable[..., Any]


class Shelf:
    """Where plugins leave what other programs would pick up: commands, panels, migrations.

    Nothing here uses them; a test may look at ``left``.
    """

    def __init__(self) -> None:
        self.left: list[Any] = []

    def add_command(self, spec: CommandSpec) -> None:
        """A subcommand for the command line."""
        self.left.append(spec)

    def add_panel(self, spec: PanelSpec) -> None:
        """A panel for the dashboard. Raises BadOption for an id that another one has."""
        if any(each.id == spec.id for each in self.left):
            raise BadOption(
                f"The panels of a dashboard differ in their ids. There is one with {spec.id!r} "
                f"already. Give this one an id of its own."
            )
        self.left.append(spec)

    def register_source(self, *source: Any, **options: Any) -> None:
        """Migrations for tables of the plugin's own."""
        self.left.append((source, options))


def discover_plugins(names: Sequence[str] | None = None) -> list[Any]:
    """A plugin from each entry point of the group "soniq.plugins", or from those named.

    Raises KeyError for a name that there is none of.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    for name in names or ():
        if name not in found:
            raise KeyError(f"No plugin of soniq is called {name!r}. There are {sorted(found)}.")
    return [found[name].load()() for name in (found if names is None else names)]
