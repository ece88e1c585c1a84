"""Parcels: an application written for pydocket. Nothing in it knows of pytest-taskq."""
