"""Adopts: a user's real app of a real library, on the embedded engine; one file a library."""

__all__: list[str] = []
