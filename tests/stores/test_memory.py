"""The memory store, and that its indexes say what a scan by the meaning of the query says."""

import asyncio
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_taskq.core import transitions
from pytest_taskq.core.job import Hold, Job, Lease, State
from pytest_taskq.core.outcome import Again, Failed, Failure, Succeeded
from pytest_taskq.core.store import Change, JobQuery, Refusal, claim_order, ready_query
from pytest_taskq.stores.memory import MemoryStore

QUEUED, RUNNING = frozenset({State.QUEUED}), frozenset({State.RUNNING})


def run(coroutine):
    return asyncio.run(coroutine)


def new(task="bake", due_at=0, **fields):
    return Job(task=task, payload="[]", due_at=due_at, **fields)


def put(store, after, replacing=None):
    (answer,) = run(store.put([Change(after, replacing)]))
    return answer


def claim(store, job, token=1, now=0):
    return put(store, transitions.claim(job, Lease("w", token, 100), now), job)


def ready(store, now=0, limit=None, queues=None, after=None):
    return run(store.find(ready_query(queues, now, limit, after)))


def test_ids_ascend_in_the_order_of_arrival():
    store = MemoryStore()
    assert [put(store, new()).id for _ in range(3)] == [1, 2, 3]


def test_a_change_of_an_older_version_is_refused_and_changes_nothing():
    store = MemoryStore()
    job = put(store, new())
    claimed = claim(store, job)
    assert claim(store, job, token=2) == Refusal()
    assert run(store.get(job.id)) == claimed


def test_changes_of_a_batch_stand_alone_and_in_order():
    store = MemoryStore()
    key = Hold("k", QUEUED)
    first, second, third = run(
        store.put(
            [Change(new(holds=(key,)), None), Change(new(holds=(key,)), None), Change(new(), None)]
        )
    )
    assert second == Refusal("k", first.id)
    assert (first.id, third.id) == (1, 2)


def test_a_refused_job_leaves_no_trace():
    store = MemoryStore()
    key = Hold("k", QUEUED)
    put(store, new(holds=(key,)))
    put(store, new(holds=(key, Hold("other", QUEUED))))
    assert len(run(store.find(JobQuery()))) == 1
    assert isinstance(put(store, new(holds=(Hold("other", QUEUED),))), Job)


def test_a_name_is_free_once_its_holder_has_left_the_state():
    store = MemoryStore()
    key = Hold("k", QUEUED)
    claim(store, put(store, new(holds=(key,))))
    assert isinstance(put(store, new(holds=(key,))), Job)


def test_a_name_may_have_room_for_more_than_one():
    store = MemoryStore()
    slot = Hold("oven", RUNNING, limit=2)
    jobs = [put(store, new(holds=(slot,))) for _ in range(3)]
    claimed = [claim(store, job, token) for token, job in enumerate(jobs)]
    assert [isinstance(answer, Job) for answer in claimed] == [True, True, False]
    assert ready(store) == []
    put(store, transitions.finish(claimed[0], 0, Succeeded(), 1), claimed[0])
    assert ready(store) == [jobs[2]]


def test_a_page_full_of_blocked_jobs_does_not_starve_a_free_one():
    store = MemoryStore()
    lock = Hold("lock", RUNNING)
    jobs = [put(store, new(holds=(lock,))) for _ in range(500)]
    free = put(store, new())
    claim(store, jobs[0])
    assert ready(store, limit=1) == [free]


def test_blocked_jobs_are_looked_at_once_and_not_at_every_claim():
    store = MemoryStore()
    looks = count()
    original = store._waiting.blocked_by
    store._waiting.blocked_by = lambda job: (next(looks), original(job))[1]
    lock = Hold("lock", RUNNING)
    jobs = [put(store, new(holds=(lock,))) for _ in range(300)]
    done = []
    while found := ready(store, limit=1):
        job = claim(store, found[0])
        done.append(put(store, transitions.finish(job, 1, Succeeded(), 1), job).id)
    assert done == [job.id for job in jobs]
    assert next(looks) < 10 * len(jobs)


def test_a_page_begins_where_the_one_before_has_ended():
    store = MemoryStore()
    jobs = [put(store, new(queue=f"q{number % 2}")) for number in range(300)]
    looks = count()
    original = store._waiting._job_of
    store._waiting._job_of = lambda job_id: (next(looks), original(job_id))[1]
    pages, last = [], None
    while page := ready(store, limit=10, after=last):
        pages += page
        last = page[-1]
    assert pages == jobs
    assert next(looks) <= len(jobs) + 1


def test_a_lock_in_order_waits_for_the_first_whatever_that_one_waits_for():
    store = MemoryStore()
    lock = Hold("lock", RUNNING, ordered=True)
    first = put(store, new(due_at=50, holds=(lock,), queue="night"))
    second = put(store, new(holds=(lock,)))
    assert ready(store) == []
    assert claim(store, second) == Refusal("lock")
    assert ready(store, now=50) == [first]
    run(store.delete([first]))
    assert ready(store, now=50) == [second]


def test_a_plain_lock_lets_a_due_job_pass_one_that_waits_for_its_time():
    store = MemoryStore()
    lock = Hold("lock", RUNNING)
    put(store, new(due_at=50, holds=(lock,)))
    second = put(store, new(holds=(lock,)))
    assert ready(store) == [second]


def test_a_freed_name_is_offered_in_every_queue():
    store = MemoryStore()
    lock = Hold("lock", RUNNING)
    holder = put(store, new(holds=(lock,)))
    put(store, new(holds=(lock,), queue="nobody-listens"))
    mine = put(store, new(holds=(lock,), queue="mine"))
    claimed = claim(store, holder)
    assert ready(store) == []
    put(store, transitions.finish(claimed, 1, Succeeded(), 1), claimed)
    assert ready(store, queues=frozenset({"mine"})) == [mine]


def test_claims_come_by_priority_then_due_instant_then_age():
    store = MemoryStore()
    late = put(store, new(due_at=5))
    early = put(store, new(due_at=3))
    early_too = put(store, new(due_at=3))
    urgent = put(store, new(due_at=9, priority=1))
    assert ready(store, now=9) == [urgent, early, early_too, late]


def test_a_rank_comes_in_the_place_of_the_due_instant():
    store = MemoryStore()
    late = put(store, new(due_at=5, rank=0))
    early = put(store, new(due_at=3, rank=0))
    assert ready(store, now=9) == [late, early]


def test_deleting_frees_the_names_and_needs_the_stored_version():
    store = MemoryStore()
    job = put(store, new(holds=(Hold("k", QUEUED),)))
    assert run(store.delete([job._replace(version=9), job])) == [False, True]
    assert isinstance(put(store, new(holds=(Hold("k", QUEUED),))), Job)
    assert run(store.get(job.id)) is None


def test_pages_follow_each_other():
    store = MemoryStore()
    jobs = [put(store, new()) for _ in range(5)]
    first = run(store.find(JobQuery(limit=3)))
    rest = run(store.find(JobQuery(after=first[-1], limit=3)))
    assert first + rest == jobs


# ------ the model: the same walk on the store and on a plain list


HOLDS = st.lists(
    st.builds(
        Hold,
        name=st.sampled_from("abc"),
        during=st.sampled_from([QUEUED, RUNNING, QUEUED | RUNNING]),
        limit=st.just(1),
        ordered=st.just(False),
    )
    | st.builds(Hold, st.just("line"), st.just(RUNNING), st.just(1), st.just(True))
    | st.builds(Hold, st.just("slots"), st.just(RUNNING), st.just(2)),
    max_size=2,
    unique_by=lambda hold: hold.name,
).map(tuple)
NEW = st.builds(
    new,
    due_at=st.integers(0, 30),
    queue=st.sampled_from(["x", "y"]),
    priority=st.integers(0, 2),
    rank=st.none(),
    holds=HOLDS,
)
STEPS = st.lists(
    st.tuples(st.just("new"), NEW)
    | st.tuples(
        st.sampled_from(["claim", "finish", "retry", "cancel", "delete"]), st.integers(0, 20)
    )
    | st.tuples(st.just("wait"), st.integers(0, 10)),
    max_size=60,
)


def blocked(jobs, job):
    """By the meaning of holds alone: another job has the name, or comes before in line."""
    for hold in job.wants(State.RUNNING):
        others = [o for o in jobs if o.id != job.id]
        names = [o.id for o in others if any(h.name == hold.name for h in o.wants(o.state))]
        already = any(h.name == hold.name for h in job.wants(job.state))
        if len(names) >= hold.limit and not already:
            return True
        line = [o for o in others if o.state is State.QUEUED and hold in o.holds]
        if hold.ordered and any((-o.priority, o.id) < (-job.priority, job.id) for o in line):
            return True
    return False


def compare_with_a_scan(store, now):
    jobs = run(store.find(JobQuery()))
    free = [j for j in jobs if j.state is State.QUEUED and not blocked(jobs, j)]
    due = sorted((j for j in free if j.due_at <= now), key=claim_order)
    assert ready(store, now) == due
    assert ready(store, now, 2, frozenset({"x"})) == [j for j in due if j.queue == "x"][:2]
    for place, job in enumerate(due):
        assert ready(store, now, 2, after=job) == due[place + 1 :][:2]
    later = run(store.find(JobQuery(states=QUEUED, due_after=now, claimable=True, sort="due")))
    assert later == sorted((j for j in free if j.due_at > now), key=lambda j: (j.due_at, j.id))


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_the_indexes_find_what_a_scan_finds(steps):
    store, now, token = MemoryStore(), 0, count(1)
    for verb, value in steps:
        jobs = run(store.find(JobQuery()))
        if verb == "new":
            put(store, value._replace(created_at=now, due_at=now + value.due_at))
        elif verb == "wait":
            now += value
        elif jobs:
            job = jobs[value % len(jobs)]
            if verb == "claim" and job.state is State.QUEUED and job.due_at <= now:
                answer = claim(store, job, next(token), now)
                assert isinstance(answer, Refusal) == blocked(jobs, job)
            elif verb == "finish" and job.state is State.RUNNING:
                put(store, transitions.finish(job, job.lease.token, Succeeded(), now), job)
            elif verb == "retry" and job.state is State.RUNNING:
                again = Failed(Failure("E", "", ""), Again(at=now + 3))
                put(store, transitions.finish(job, job.lease.token, again, now), job)
            elif verb == "cancel" and job.state is State.QUEUED:
                put(store, transitions.cancel(job, now), job)
            elif verb == "delete":
                run(store.delete([job]))
        compare_with_a_scan(store, now)


@pytest.mark.parametrize("sort", ["claim", "due", "id", "lease"])
def test_every_order_is_total(sort):
    jobs = [new(id=n, due_at=n % 3, priority=n % 2) for n in range(9)]
    order = JobQuery(sort=sort).order
    assert len({order(job) for job in jobs}) == len(jobs)


def test_jobs_are_looked_up_by_key_and_not_searched():
    store = MemoryStore()
    jobs = [put(store, new(key=key)) for key in "abab"]
    assert run(store.find(JobQuery(key="a"))) == [jobs[0], jobs[2]]
    assert run(store.find(JobQuery(key="a", after=jobs[0]))) == [jobs[2]]
    claim(store, jobs[0])
    assert run(store.find(JobQuery(key="a", states=QUEUED))) == [jobs[2]]
    run(store.delete([jobs[2]]))
    assert [job.id for job in run(store.find(JobQuery(key="a")))] == [jobs[0].id]
    store._jobs[99] = new(key="c", id=99)
    assert run(store.find(JobQuery(key="c"))) == []
