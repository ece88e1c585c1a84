"""Checks: what tests call to wait, to look and to compare."""

__all__: list[str] = []
