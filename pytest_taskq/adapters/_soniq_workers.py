"""The workers and task names that a backend is told of: tables that live as long as it."""

from __future__ import annotations

from typing import Any

from pytest_taskq.engine.clock import Clock

__all__ = ["Workers"]

Row = dict[str, Any]


class Workers:
    """Who works, since when it was last heard of, and which names it knows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: dict[str, Row] = {}
        self._names: dict[tuple[str, str], Row] = {}

    def register(self, worker_id: str, **facts: Any) -> None:
        """A worker begins, or begins anew."""
        now = self._clock.time()
        self.rows[worker_id] = {
            "id": worker_id,
            **facts,
            "status": "active",
            "last_heartbeat": now,
            "started_at": now,
        }

    def heartbeat(self, worker_id: str, metadata: Row | None) -> None:
        """It lives."""
        row = self.rows.get(worker_id)
        if row is not None:
            row["last_heartbeat"] = self._clock.time()
            if metadata:
                row["metadata"] = metadata

    def stop(self, worker_id: str) -> None:
        """It has ended, or counts as such."""
        if worker_id in self.rows:
            self.rows[worker_id]["status"] = "stopped"

    def take_stale(self, seconds: float) -> set[str]:
        """Stop those that were not heard of for longer; with 0 all, also when time stands."""
        now = self._clock.time()
        stale = {
            worker_id
            for worker_id, row in self.rows.items()
            if row["status"] == "active"
            and (seconds <= 0 or (now - row["last_heartbeat"]).total_seconds() > seconds)
        }
        for worker_id in stale:
            self.stop(worker_id)
        return stale

    def register_name(self, task_name: str, worker_id: str, args_model_repr: str | None) -> None:
        """A worker can run jobs of this name."""
        self._names[task_name, worker_id] = {
            "task_name": task_name,
            "worker_id": worker_id,
            "last_seen_at": self._clock.time(),
            "args_model_repr": args_model_repr,
        }

    def names(self) -> list[Row]:
        """Rows by name and worker."""
        return [dict(self._names[key]) for key in sorted(self._names)]

    def clear(self) -> None:
        """Forget all."""
        self.rows.clear()
        self._names.clear()
