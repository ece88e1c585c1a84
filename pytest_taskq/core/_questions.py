"""What an invariant asks of one step: small questions, each answered yes or no."""

from __future__ import annotations

from collections.abc import Callable

from pytest_taskq.core._replay import Step
from pytest_taskq.core.errors import BadOption, UnknownTask
from pytest_taskq.core.job import Hold, State
from pytest_taskq.core.outcome import Cancelled, Failed, Snoozed, Succeeded
from pytest_taskq.core.request import check
from pytest_taskq.core.store import claim_order
from pytest_taskq.core.transitions import TRANSITIONS

__all__ = [
    "cancel_is_heard",
    "counts_as_it_should",
    "counts_unless_it_snoozed",
    "dies_with_its_reason",
    "gives_the_attempt_back",
    "goes_back_untouched",
    "has_room",
    "is_due_as_decided",
    "is_fenced",
    "is_kept_though_unknown",
    "is_new_exactly_when_enqueued",
    "is_next",
    "is_what_was_given",
    "keeps_the_line",
    "leads_where_the_table_says",
    "leases_the_future",
    "stays_asked_to_stop",
    "succeeds_by_its_own_report",
    "was_allowed",
]

QUEUED, RUNNING, SUCCEEDED, DEAD, CANCELLED = State
GIVEN = ("task", "payload", "key", "labels", "parent", "created_at")


def is_new_exactly_when_enqueued(step: Step) -> bool:
    return step.is_new == (step.event.verb == "enqueue")


def leads_where_the_table_says(step: Step) -> bool:
    before, after, verb = step.before, step.after, step.event.verb
    if verb == "enqueue":
        return after.state is QUEUED and (after.version, after.attempt) == (0, 0)
    legal = TRANSITIONS.get(verb, {}).get(before.state, frozenset())
    return after.state in legal and after.version == before.version + 1


def succeeds_by_its_own_report(step: Step) -> bool:
    reported = step.event.verb == "finish" and isinstance(step.event.outcome, Succeeded)
    return reported == (step.after.state is SUCCEEDED)


def is_fenced(step: Step) -> bool:
    before, after, worker = step.before.lease, step.after.lease, step.event.worker
    match step.event.verb:
        case "claim":
            return after is not None and after.worker == worker and _token_is_new(step)
        case "renew":
            return before is not None and after is not None and after[:2] == before[:2]
        case "late":  # the lease under which it came is really not the present one
            return before is None or after is None or before.token != after.token
    return before is not None and before.worker == worker


def _token_is_new(step: Step) -> bool:
    return step.after.lease is not None and step.after.lease.token not in step.world.tokens


def has_room(of: Callable[[Hold], bool]) -> Callable[[Step], bool]:
    def kept(step: Step) -> bool:
        return all(
            len(step.world.holders(hold.name)) < hold.limit for hold in step.taken if of(hold)
        )

    return kept


def counts_as_it_should(step: Step) -> bool:
    before, after = step.before, step.after
    match step.event.verb:
        case "claim":
            return after.attempt == before.attempt + 1
        case "requeue":
            return after.attempt == 0
    return after.attempt == before.attempt


def counts_unless_it_snoozed(step: Step) -> bool:
    return _snoozed_for_free(step) or counts_as_it_should(step)


def gives_the_attempt_back(step: Step) -> bool:
    if step.event.verb == "finish" and not _snoozed_for_free(step):
        return True
    if step.after.state is QUEUED:
        return step.after.attempt == step.before.attempt - 1
    return step.after.attempt == step.before.attempt


def _snoozed_for_free(step: Step) -> bool:
    outcome = step.event.outcome
    return isinstance(outcome, Snoozed) and not outcome.counts


def is_due_as_decided(step: Step) -> bool:
    match step.event.outcome:
        case Failed(_, again) if again is not None:
            due = again.at
        case Snoozed(until):
            due = until
        case _:
            return step.after.state is not QUEUED
    return step.after.state is CANCELLED or step.after.due_at == due


def dies_with_its_reason(step: Step) -> bool:
    after, outcome = step.after, step.event.outcome
    given_up = isinstance(outcome, Failed) and outcome.again is None
    if step.event.verb == "finish" and given_up != (after.state is DEAD):
        return False
    if after.state is not DEAD:
        return True
    return after.failure == outcome.failure if isinstance(outcome, Failed) else bool(after.failure)


def cancel_is_heard(step: Step) -> bool:
    if step.event.verb == "claim":
        return not step.before.cancel_requested
    return step.after.state is CANCELLED or step.after.cancel_requested


def stays_asked_to_stop(step: Step) -> bool:
    if not step.before.cancel_requested:
        asked = step.event.verb == "cancel" or isinstance(step.event.outcome, Cancelled)
        return step.after.state is not CANCELLED or asked
    return step.after.state is not QUEUED and step.after.cancel_requested


def goes_back_untouched(step: Step) -> bool:
    before, after = step.before, step.after
    if after.state is not QUEUED:
        return after.state is CANCELLED and before.cancel_requested
    counted = after._replace(attempt=before.attempt, version=before.version, holds=before.holds)
    if counted != before._replace(state=QUEUED, lease=None):
        return False
    lost = [hold for hold in before.holds if hold not in after.holds]
    return set(after.holds) <= set(before.holds) and all(
        len(step.world.holders(hold.name)) >= hold.limit for hold in lost
    )


def is_what_was_given(step: Step) -> bool:
    before, after = step.before, step.after
    return all(getattr(before, name) == getattr(after, name) for name in GIVEN)


def is_kept_though_unknown(step: Step) -> bool:
    unknown = isinstance(step.event.error, UnknownTask)
    return not unknown or (step.after.state is not SUCCEEDED and step.after.failure is not None)


def leases_the_future(step: Step) -> bool:
    before, after = step.before.lease, step.after.lease
    if after is None or after.expires_at <= step.event.at:
        return False
    return before is None or after.expires_at >= before.expires_at


def was_allowed(step: Step) -> bool:
    try:
        check(step.after)
    except BadOption:
        return False
    return True


def keeps_the_line(step: Step) -> bool:
    return not any(
        hold.ordered and RUNNING in hold.during and step.world.goes_before(step.before, hold)
        for hold in step.before.holds
    )


def is_next(by: int) -> Callable[[Step], bool]:
    """No job was passed over whose place differs first in this part of the claim order."""

    def kept(step: Step) -> bool:
        rival = step.passed_over
        if rival is None:
            return True
        pairs = zip(claim_order(rival), claim_order(step.before), strict=True)
        return [mine != theirs for mine, theirs in pairs].index(True) != by

    return kept
