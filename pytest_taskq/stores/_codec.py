"""A job as one line of text and back, the same for every store that keeps text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pytest_taskq.core.job import NO_LABELS, Failure, Hold, Job, Lease, State

__all__ = ["decode", "encode"]


def _writer() -> Callable[[object], str]:
    # ASCII only: a surrogate or a NUL in an error's text is escaped, and no server minds it.
    encoder = json.JSONEncoder(separators=(",", ":"), check_circular=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # What JSONEncoder.encode makes anew for each value, made once.
    quote = json.encoder.encode_basestring_ascii
    chunks = make(None, encoder.default, quote, None, ":", ",", False, False, True)
    return lambda value: "".join(chunks(value, 0))


_write = _writer()
_scan = json.JSONDecoder().raw_decode

STATE, HOLDS, LABELS, LEASE, FAILURE = (
    Job._fields.index(name) for name in ("state", "holds", "labels", "lease", "failure")
)
STATES = {state.value: state for state in State}


def encode(job: Job) -> str:
    """Every field in order, as JSON. Labels must be what JSON can say."""
    row: list[Any] = list(job)
    row[LABELS] = dict(job.labels) if job.labels else None
    row[HOLDS] = [(*hold[:1], sorted(hold.during), *hold[2:]) for hold in job.holds]
    return _write(row)


def decode(text: str | bytes) -> Job:
    """The job that ``encode`` wrote."""
    row, _ = _scan(text if isinstance(text, str) else text.decode())
    row[STATE] = STATES[row[STATE]]
    row[LABELS] = row[LABELS] or NO_LABELS
    row[HOLDS] = tuple([_hold(*hold) for hold in row[HOLDS]])
    if row[LEASE] is not None:
        row[LEASE] = Lease._make(row[LEASE])
    if row[FAILURE] is not None:
        row[FAILURE] = Failure._make(row[FAILURE])
    return Job._make(row)


def _hold(name: str, during: list[str], limit: int, ordered: bool) -> Hold:
    return Hold(name, frozenset([STATES[state] for state in during]), limit, ordered)
