"""What authors of stores may import: the records, the protocol, and the meaning of a query."""

from __future__ import annotations

from pytest_taskq.core.job import Failure, Hold, Job, JobId, Lease, State
from pytest_taskq.core.store import Change, JobQuery, Refusal, Store, claim_order

__all__ = [
    "Change",
    "Failure",
    "Hold",
    "Job",
    "JobId",
    "JobQuery",
    "Lease",
    "Refusal",
    "State",
    "Store",
    "claim_order",
]
