"""The back end of a small tea shop: what happens after somebody has clicked."""
