"""The parts of the suite for stores: what a store promises, one file for each promise."""

__all__: list[str] = []
