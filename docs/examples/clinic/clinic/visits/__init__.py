"""Visits of patients: when they are, and who has been reminded."""
