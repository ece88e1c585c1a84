"""Stores with one fault each, beside the promise of the suite that each of them breaks."""
