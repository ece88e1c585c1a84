"""Every verb against the table, and what each leaves in the record."""

import pytest

from pytest_taskq.core import transitions
from pytest_taskq.core.errors import IllegalTransition, LeaseLost
from pytest_taskq.core.job import FINAL, Failure, Hold, Job, Lease, State
from pytest_taskq.core.outcome import Again, Cancelled, Failed, Snoozed, Succeeded
from pytest_taskq.core.transitions import TRANSITIONS

LEASE = Lease("w1", token=7, expires_at=1_000)
BOOM = Failure("ValueError", "boom", "")

QUEUED = Job(task="bake", payload="[]", due_at=10, id=1, version=3)
RUNNING = transitions.claim(QUEUED, LEASE, now=20)
SAMPLES = {
    State.QUEUED: QUEUED,
    State.RUNNING: RUNNING,
    State.SUCCEEDED: transitions.finish(RUNNING, 7, Succeeded(), 30),
    State.DEAD: transitions.finish(RUNNING, 7, Failed(BOOM), 30),
    State.CANCELLED: transitions.finish(RUNNING, 7, Cancelled(), 30),
}
VERBS = {
    "claim": [lambda job: transitions.claim(job, LEASE, 40)],
    "renew": [lambda job: transitions.renew(job, 7, 2_000)],
    "finish": [
        lambda job: transitions.finish(job, 7, Succeeded(), 40),
        lambda job: transitions.finish(job, 7, Failed(BOOM), 40),
        lambda job: transitions.finish(job, 7, Failed(BOOM, Again(at=90)), 40),
        lambda job: transitions.finish(job, 7, Cancelled(), 40),
    ],
    "release": [
        lambda job: transitions.release(job, 7, 40),
        lambda job: transitions.release(job._replace(cancel_requested=True), 7, 40),
    ],
    "expire": [
        lambda job: transitions.expire(job, 5_000, Again(at=5_000)),
        lambda job: transitions.expire(job, 5_000, None),
        lambda job: transitions.expire(job._replace(cancel_requested=True), 5_000, None),
    ],
    "cancel": [lambda job: transitions.cancel(job, 40)],
    "requeue": [lambda job: transitions.requeue(job, 40)],
}


@pytest.mark.parametrize("verb", TRANSITIONS)
@pytest.mark.parametrize("state", State)
def test_a_verb_leads_exactly_where_the_table_says(verb, state):
    reached = set()
    for apply in VERBS[verb]:
        try:
            reached.add(apply(SAMPLES[state]).state)
        except (IllegalTransition, LeaseLost):
            continue
    assert reached == TRANSITIONS[verb].get(state, frozenset())


@pytest.mark.parametrize("verb", TRANSITIONS)
def test_every_change_makes_a_new_version(verb):
    for state in TRANSITIONS[verb]:
        for apply in VERBS[verb]:
            job = SAMPLES[state]
            assert apply(job).version == job.version + 1


def test_a_final_state_is_left_only_by_requeue():
    leaving = {verb for verb, rows in TRANSITIONS.items() if FINAL.intersection(rows)}
    assert leaving == {"requeue"}


def test_a_lease_is_there_exactly_while_the_job_runs():
    for state, job in SAMPLES.items():
        assert (job.lease is not None) == (state is State.RUNNING)


def test_claim_counts_an_attempt():
    assert (RUNNING.attempt, RUNNING.started_at, RUNNING.lease) == (1, 20, LEASE)


@pytest.mark.parametrize(
    "late",
    [
        lambda job: transitions.renew(job, 8, 2_000),
        lambda job: transitions.finish(job, 8, Succeeded(), 40),
        lambda job: transitions.release(job, 8, 40),
    ],
)
def test_another_token_changes_nothing(late):
    with pytest.raises(LeaseLost, match="not this worker's to report"):
        late(RUNNING)


def test_success_keeps_the_result_and_clears_the_failure():
    done = transitions.finish(RUNNING._replace(failure=BOOM), 7, Succeeded("42"), 30)
    assert (done.result, done.failure, done.finished_at) == ("42", None, 30)


def test_a_retry_goes_where_the_decision_says():
    hold = Hold("oven", frozenset({State.RUNNING}))
    again = Again(at=99, priority=5, queue="night", holds=(hold,))
    job = transitions.finish(RUNNING, 7, Failed(BOOM, again), 30)
    assert (job.state, job.due_at, job.priority, job.queue) == (State.QUEUED, 99, 5, "night")
    assert job.holds == (hold,)
    assert (job.failure, job.attempt) == (BOOM, 1)


def test_a_retry_leaves_alone_what_the_decision_does_not_name():
    job = transitions.finish(RUNNING, 7, Failed(BOOM, Again(at=99)), 30)
    assert (job.priority, job.queue, job.holds) == (0, "default", ())


@pytest.mark.parametrize("outcome", [Failed(BOOM, Again(at=99)), Snoozed(until=99)])
def test_a_job_to_be_cancelled_does_not_come_back(outcome):
    asked = transitions.cancel(RUNNING, 25)
    assert asked.cancel_requested
    assert transitions.finish(asked, 7, outcome, 30).state is State.CANCELLED


def test_a_job_that_finishes_before_its_cancellation_reaches_it_has_succeeded():
    asked = transitions.cancel(RUNNING, 25)
    assert transitions.finish(asked, 7, Succeeded(), 30).state is State.SUCCEEDED


def test_snooze_and_release_give_the_attempt_back():
    snoozed = transitions.finish(RUNNING, 7, Snoozed(until=99), 30)
    assert (snoozed.state, snoozed.due_at, snoozed.attempt) == (State.QUEUED, 99, 0)
    released = transitions.release(RUNNING, 7, 30)
    assert (released.state, released.due_at, released.attempt) == (State.QUEUED, 10, 0)


def test_a_snooze_may_count_as_an_attempt():
    put_back = transitions.finish(RUNNING, 7, Snoozed(until=99, counts=True), 30)
    assert (put_back.state, put_back.due_at, put_back.attempt) == (State.QUEUED, 99, 1)


def test_a_snoozed_job_keeps_its_names_unless_it_is_given_others():
    oven, shelf = Hold("oven", frozenset({State.QUEUED})), Hold("shelf", frozenset({State.QUEUED}))
    running = RUNNING._replace(holds=(oven,))
    assert transitions.finish(running, 7, Snoozed(until=99), 30).holds == (oven,)
    moved = transitions.finish(running, 7, Snoozed(until=99, holds=(shelf,)), 30)
    assert (moved.holds, moved.due_at, moved.attempt) == ((shelf,), 99, 0)


def test_a_lapsed_lease_counts_the_attempt_and_says_why():
    job = transitions.expire(RUNNING, 1_000, Again(at=1_000))
    assert (job.state, job.attempt) == (State.QUEUED, 1)
    assert job.failure is not None
    assert "w1" in job.failure.message


def test_a_running_lease_cannot_expire():
    with pytest.raises(IllegalTransition, match="runs until 1000"):
        transitions.expire(RUNNING, 999, None)


def test_requeue_starts_a_new_series_of_attempts():
    job = transitions.requeue(SAMPLES[State.DEAD], 50)
    assert (job.attempt, job.due_at, job.cancel_requested) == (0, 50, False)
    assert job.failure == BOOM


def test_a_refused_verb_names_job_state_and_next_step():
    with pytest.raises(IllegalTransition) as caught:
        transitions.claim(RUNNING, LEASE, 40)
    assert str(caught.value) == (
        "Job 1 (bake) cannot claim. It is running, and only a job that is queued can. "
        "Look it up again before you decide."
    )
