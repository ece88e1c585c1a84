"""Random jobs, queries and calls, and the machine that compares a store with the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any, TypeVar, cast

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from pytest_taskq.core.job import Hold, Job
from pytest_taskq.core.outcome import Outcome
from pytest_taskq.core.store import Change, JobQuery, Store
from pytest_taskq.core.transitions import TRANSITIONS
from pytest_taskq.engine.sync import drive
from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.testing._conformance import walk
from pytest_taskq.testing._conformance.verbs import QUEUED

__all__ = ["StoreMachine", "compare_with_memory", "holds", "new_jobs", "outcomes", "queries"]

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def _one_of(values: Sequence[T]) -> st.SearchStrategy[T]:
    # st.sampled_from() looks at all the values for each choice, and writes them out in its repr.
    return st.integers(0, len(values) - 1).map(lambda place: values[place])


_instants = _one_of(walk.INSTANTS)
_maybe_instants = _one_of([None, *walk.INSTANTS])
_which = st.integers(0, 9)


def holds() -> st.SearchStrategy[tuple[Hold, ...]]:
    """Few names, of all kinds: while queued, while running, with room, in order."""
    return _one_of(walk.HOLDS)


def new_jobs() -> st.SearchStrategy[Job]:
    """Jobs to put, alike in much."""
    return st.builds(
        lambda kind, due_at, priority, rank, key, holds: Job(
            due_at=due_at, priority=priority, rank=rank, key=key, holds=holds, **kind
        ),
        *(_one_of(walk.KINDS), _instants, st.integers(-1, 1), _maybe_instants),
        *(_one_of([None, "k", "l"]), holds()),
    )


def outcomes() -> st.SearchStrategy[Outcome]:
    """What an attempt may report."""
    return _one_of(walk.OUTCOMES)


def queries() -> st.SearchStrategy[JobQuery]:
    """Any query but ``after``, which is a job that the machine has seen."""
    return st.builds(
        lambda states, whose, due, *rest: JobQuery(
            states,
            whose[0],
            whose[1],
            whose[2],
            due[0],
            due[1],
            rest[0],
            rest[1],
            rest[2],
            None,
            rest[3],
        ),
        *(_one_of(walk.STATES), _one_of(walk.WHOSE), _one_of(walk.DUE)),
        *(_one_of([None, None, None, 3, 9]), st.booleans(), _one_of(walk.SORTS)),
        _one_of([None, None, 0, 1, 2, 3]),
    )


def _decisions(*verbs: str) -> st.SearchStrategy[walk.Decision]:
    return st.builds(walk.Decision, _one_of(verbs), _which, _instants, outcomes(), holds())


class StoreMachine(RuleBasedStateMachine):
    """Makes the same calls on two handles of a store, in turn, and on a store in memory."""

    def __init__(self, handles: Sequence[Store], run: Run) -> None:
        super().__init__()
        self._handles = handles
        self._run = run
        self._turns = count()
        self._orders = count()
        self._model = MemoryStore()
        self._seen: list[Job] = []

    @initialize()
    def clear(self) -> None:
        """Begin with nothing."""
        self._both(lambda store: store.clear())

    @rule(job=new_jobs())
    def put(self, job: Job) -> None:
        """One new job."""
        self._put([Change(job, None)])

    @rule(jobs=st.lists(new_jobs(), min_size=2, max_size=6))
    def put_several(self, jobs: list[Job]) -> None:
        """New jobs, some of which want the same names."""
        self._put([Change(job, None) for job in jobs])

    @rule(limit=st.integers(1, 4), now=_instants, queues=_one_of([None, frozenset("x")]))
    def claim(self, limit: int, now: int, queues: frozenset[str] | None) -> None:
        """What a worker does: find, decide, put."""
        query = JobQuery(QUEUED, queues, due_by=now, claimable=True, sort="claim", limit=limit)
        ready = self._both(lambda store: store.find(query))
        self._put([Change(walk.claimed(job, now), job) for job in ready])

    @rule(which=_which, now=_instants)
    def claim_any(self, which: int, now: int) -> None:
        """Claim a job that may have to wait for its names."""
        self._decide(walk.Decision("claim", which, now))

    @rule(decision=_decisions("finish"))
    def finish(self, decision: walk.Decision) -> None:
        """An attempt ends."""
        self._decide(decision)

    @rule(decision=_decisions("release", "renew", "expire", "cancel", "requeue"))
    def change(self, decision: walk.Decision) -> None:
        """Anything else that befalls a job."""
        self._decide(decision)

    @rule(several=st.lists(_decisions(*TRANSITIONS), min_size=2, max_size=6), names=holds())
    def put_a_batch(self, several: list[walk.Decision], names: tuple[Hold, ...]) -> None:
        """Changes of all kinds at once, some of the same job, and a new job among them."""
        jobs = self._jobs()
        changes = [change for each in several if (change := walk.change(jobs, each))]
        changes.insert(len(changes) // 2, Change(Job("bake", "", 0, holds=names), None))
        self._put(changes)

    @rule(which=_which, now=_instants)
    def put_an_old_version(self, which: int, now: int) -> None:
        """Somebody was faster, or the job is gone."""
        if self._seen:
            old = self._seen[-1 - which % len(self._seen)]
            self._put([Change(old._replace(due_at=now, version=old.version + 1), old)])

    @rule(several=st.lists(st.tuples(_which, st.booleans()), max_size=3))
    def delete(self, several: list[tuple[int, bool]]) -> None:
        """Forget jobs, by the present version or by any that was seen."""
        jobs, seen = self._jobs(), self._seen
        lists = [(which, jobs if present else seen) for which, present in several]
        chosen = [of[-1 - which % len(of)] for which, of in lists if of]
        self._both(lambda store: store.delete(chosen))

    @rule(query=queries(), which=_one_of([None, *range(10)]))
    def find(self, query: JobQuery, which: int | None) -> None:
        """Any question, perhaps for the page after some job."""
        if which is not None and self._seen:
            query = query._replace(after=self._seen[-1 - which % len(self._seen)])
        self._both(lambda store: store.find(query))

    @rule(now=_instants)
    def next_due(self, now: int) -> None:
        """What an idle worker asks."""
        query = JobQuery(QUEUED, due_after=now, claimable=True, sort="due", limit=1)
        self._both(lambda store: store.find(query))

    @rule(really=st.integers(0, 29))
    def forget_all(self, really: int) -> None:
        """Now and then begin anew in the middle."""
        if really == 29:
            self._seen.clear()
            self._both(lambda store: store.clear())

    @invariant()
    def the_contents_are_the_same(self) -> None:
        """Every field of every job, in the orders in turn, and the jobs that may be claimed."""
        turn = next(self._orders)
        every = JobQuery(sort=walk.SORTS[turn % len(walk.SORTS)])
        now = turn % walk.SPAN
        ready = JobQuery(QUEUED, due_by=now, claimable=True, sort="claim", limit=turn % 7 or None)
        self._both(lambda store: store.find(every))
        self._both(lambda store: store.find(ready))
        self._both(lambda store: store.unfinished())

    def _both(self, call: Callable[[Store], Coroutine[Any, Any, Any]]) -> Any:
        store = self._handles[next(self._turns) % len(self._handles)]
        expected, answer = drive(call(self._model)), self._run(call(store))
        if answer != expected:
            raise AssertionError(f"the store says {answer}, and the model {expected}")
        return expected

    def _put(self, changes: list[Change]) -> None:
        if changes:
            answers = self._both(lambda store: store.put(changes))
            self._seen += [answer for answer in answers if isinstance(answer, Job)]

    def _jobs(self) -> list[Job]:
        return drive(self._model.find(JobQuery()))

    def _decide(self, decision: walk.Decision) -> None:
        change = walk.change(self._jobs(), decision)
        if change is not None:
            self._put([change])


def compare_with_memory(
    handles: Sequence[Store], run: Run, *, sequences: int, steps: int, seed: int | None = None
) -> None:
    """Walk ``sequences`` times over up to ``steps`` calls; raises at the first other answer.

    ``run`` runs a coroutine of the store to its end. Without a seed the walks are always the
    same ones. Clears the store.
    """

    def machine() -> StoreMachine:
        return StoreMachine(handles, run)

    if seed is not None:
        hypothesis.seed(seed)(machine)
    # To make a long walk that failed a short one takes minutes; to try short ones first, none.
    for walks, length in ((sequences // 4, steps // 5), (sequences, steps)):
        # It takes any factory; its annotation says that it must be a class.
        run_machine(cast("type[StoreMachine]", machine), settings=_settings(walks, length, seed))


def _settings(sequences: int, steps: int, seed: int | None) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=max(sequences, 1),
        stateful_step_count=max(steps, 1),
        phases=[hypothesis.Phase.generate],
        derandomize=seed is None,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
