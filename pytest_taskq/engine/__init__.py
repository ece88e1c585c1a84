"""Runs: the async edge, where core's decisions meet a store, a clock and a user's tasks."""

__all__: list[str] = []
