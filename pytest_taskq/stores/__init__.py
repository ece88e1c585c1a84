"""Remembers: compare-and-swap and exclusive names, and no rule of the queue."""

__all__: list[str] = []
