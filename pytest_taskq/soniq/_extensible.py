"""The half of an app that others hook into: plugins, hooks, middleware, policies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from pytest_taskq.soniq._around import Hook
from pytest_taskq.soniq._attempt import Conduct
from pytest_taskq.soniq._table import Table
from pytest_taskq.soniq.backend import MemoryBackend
from pytest_taskq.soniq.errors import SONIQ_APP_FROZEN, SONIQ_PLUGIN_DUPLICATE, SoniqError
from pytest_taskq.soniq.metrics import MetricsSink
from pytest_taskq.soniq.plugin import PluginRegistry, Shelf, SoniqPlugin, discover_plugins
from pytest_taskq.soniq.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from pytest_taskq.soniq.settings import SoniqSettings

__all__ = ["Extensible"]

H = TypeVar("H", bound=Hook)


class Extensible(Table):
    """What is called around the jobs of an app, and told of its beginning and end."""

    def __init__(
        self,
        backend: MemoryBackend,
        settings: SoniqSettings,
        retry_policy: RetryPolicy | None,
        metrics_sink: MetricsSink | None,
    ) -> None:
        super().__init__(backend, settings)
        self._conduct = Conduct(settings, retry_policy or DEFAULT_RETRY_POLICY)
        self._conduct.around.sink = metrics_sink
        self._plugins: list[Any] = []
        self.cli = Shelf()
        self.dashboard = Shelf()
        self.migrations = Shelf()

    @property
    def retry_policy(self) -> RetryPolicy:
        """Decides when a job that failed runs again; it can be set until the app is used."""
        return self._conduct.policy

    @retry_policy.setter
    def retry_policy(self, policy: RetryPolicy) -> None:
        self._check_not_frozen("retry_policy")
        self._conduct.policy = policy

    @property
    def metrics_sink(self) -> MetricsSink | None:
        """Told of each attempt; it can be set until the app is used."""
        return self._conduct.around.sink

    @metrics_sink.setter
    def metrics_sink(self, sink: MetricsSink | None) -> None:
        self._check_not_frozen("metrics_sink")
        self._conduct.around.sink = sink

    def before_job(self, hook: H) -> H:
        """Call ``hook(job_name, job_id, attempts)`` before each attempt."""
        self._conduct.around.before_job.append(hook)
        return hook

    def after_job(self, hook: H) -> H:
        """Call ``hook(job_name, job_id, duration_ms)`` after each attempt that succeeded."""
        self._conduct.around.after_job.append(hook)
        return hook

    def on_error(self, hook: H) -> H:
        """Call ``hook(job_name, job_id, error_text, attempts)`` after each that failed."""
        self._conduct.around.on_error.append(hook)
        return hook

    def middleware(self, layer: H) -> H:
        """Put ``async layer(ctx, call_next)`` around every job, within its time limit.

        The first one is the outermost. What it returns is the job's result, and what it raises
        the job's failure.
        """
        self._conduct.around.middleware.append(layer)
        return layer

    def use(self, plugin: SoniqPlugin) -> SoniqPlugin:
        """Install a plugin. Raises SoniqError when there is one of its name."""
        if plugin.name in self.plugins:
            raise SoniqError(
                f"A plugin called {plugin.name!r} is installed already.",
                SONIQ_PLUGIN_DUPLICATE,
                {"name": plugin.name, "version": getattr(plugin, "version", "unknown")},
                ["Install it once."],
            )
        plugin.install(self)
        self._plugins.append(plugin)
        return plugin

    @property
    def plugins(self) -> PluginRegistry:
        """The installed plugins."""
        return PluginRegistry(self._plugins)

    async def setup(self) -> int:
        """Tell the plugins that the app starts; their errors are raised.

        The answer is the number of migrations, of which there are none here.
        """
        self._open()
        for plugin in self._plugins:
            if (on_startup := getattr(plugin, "on_startup", None)) is not None:
                await on_startup(self)
        return 0

    def _use_all(self, plugins: Sequence[SoniqPlugin], *, autoload: bool) -> None:
        for plugin in [*plugins, *(discover_plugins() if autoload else ())]:
            self.use(plugin)

    async def _closing(self) -> None:
        for plugin in reversed(self._plugins):
            if (on_shutdown := getattr(plugin, "on_shutdown", None)) is None:
                continue
            try:
                await on_shutdown(self)
            except Exception:  # one plugin must not keep the next from ending, as soniq 0.1
                logging.getLogger(__name__).exception(
                    "on_shutdown of the plugin %s failed", plugin.name
                )

    def _check_not_frozen(self, name: str) -> None:
        if self._initialized:
            raise SoniqError(
                f"{name} cannot be set any more: the app is in use.",
                SONIQ_APP_FROZEN,
                suggestions=[f"Set it before the first call, or give it as Soniq({name}=...)."],
            )
