"""The task that Procrastinate brings along, on every app."""

from __future__ import annotations

from pytest_taskq.procrastinate.job_context import JobContext

__all__ = ["ALIAS", "NAME", "QUEUE", "remove_old_jobs"]

ALIAS = "procrastinate.builtin_tasks.remove_old_jobs"
NAME = f"builtin:{ALIAS}"
QUEUE = "builtin"


async def remove_old_jobs(
    context: JobContext,
    *,
    max_hours: int,
    queue: str | None = None,
    remove_failed: bool | None = False,
    remove_cancelled: bool | None = False,
    remove_aborted: bool | None = False,
) -> None:
    """Forget jobs that have ended more than so many hours ago, those that succeeded at least.

    It is deferred by its name, or called by a task of one's own:

        @app.periodic(cron="0 4 * * *")
        @app.task(pass_context=True)
        async def clean_up(context, timestamp):
            await builtin_tasks.remove_old_jobs(context, max_hours=72, remove_failed=True)
    """
    await context.app.job_manager.delete_old_jobs(
        nb_hours=max_hours,
        queue=queue,
        include_failed=bool(remove_failed),
        include_cancelled=bool(remove_cancelled),
        include_aborted=bool(remove_aborted),
    )
