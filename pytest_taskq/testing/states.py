"""The words for the states of a job, and what the words of other libraries are here."""

from __future__ import annotations

from difflib import get_close_matches

from pytest_taskq.core.errors import BadOption

__all__ = ["check_state"]

STATES = ("queued", "running", "succeeded", "dead", "cancelled", "retrying", "scheduled", "ready")
WORDS = {
    "queued": ("todo", "pending", "waiting", "enqueued", "deferred", "available", "new"),
    "running": ("doing", "processing", "started", "executing", "in_progress", "active", "aborting"),
    "succeeded": ("done", "completed", "finished", "success", "successful", "ok"),
    "dead": ("failed", "failure", "error", "errored", "dead_letter", "discarded"),
    "cancelled": ("canceled", "aborted", "revoked", "stopped"),
    "retrying": ("retry", "retried"),
    "scheduled": ("delayed", "snoozed"),
}
OTHERS = {word: state for state, words in WORDS.items() for word in words}


def check_state(state: object) -> None:
    """Raise BadOption for what is no state of a job, and name the one that is meant."""
    if state in STATES:
        return
    word = str(getattr(state, "value", state)).lower()  # a library may have an enum
    near = get_close_matches(word, STATES, n=1, cutoff=0.7)
    meant = word if word in STATES else OTHERS.get(word) or (near[0] if near else None)
    say = "Scheduled, ready and retrying are kinds of queued."
    if meant is not None:
        say = f"Say {meant!r} here."
    raise BadOption(
        f"A job is in one of these states: {', '.join(STATES)}. It was asked for {state!r}. {say}"
    )
