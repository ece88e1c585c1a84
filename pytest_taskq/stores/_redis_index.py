"""What the scripts of the Redis store are told and answer, in the forms named in ``_redis.lua``."""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from pytest_taskq.core.job import Job, JobId, State, with_id
from pytest_taskq.core.store import Change, JobQuery, Refusal
from pytest_taskq.stores._codec import decode, encode

__all__ = ["UNFINISHED", "Search", "id_text", "read_answer", "read_job", "search", "write_change"]

QUEUED, RUNNING = State.QUEUED, State.RUNNING
LETTERS = {QUEUED: "q", RUNNING: "r", State.SUCCEEDED: "s", State.DEAD: "d", State.CANCELLED: "c"}
ONLY_QUEUED, ONLY_RUNNING = frozenset({QUEUED}), frozenset({RUNNING})

# Added to an integer, so that it is positive and all have one length.
INSTANTS = 10**19
PRIORITIES = 2**32


# Where the texts of queued and of running jobs are, and no others: the letters are neighbours.
UNFINISHED = (f"[s{LETTERS[QUEUED]}", f"(s{LETTERS[RUNNING]}:")


def id_text(job_id: JobId) -> str:
    """An id as the script has it."""
    return f"{job_id:016d}"


def write_change(after: Job, replacing: Job | None) -> tuple[str, str, str, str]:
    """A change, as the script wants it."""
    version = "" if replacing is None else str(replacing.version)
    return id_text(after.id), version, _facts(after), encode(after)


def read_answer(change: Change, said: int | bytes) -> Job | Refusal:
    """What became of a change."""
    after, replacing = change
    if isinstance(said, int):
        return after if replacing is not None else with_id(after, said)
    if not said:
        return Refusal()
    position, _, holder = said.partition(b":")
    return Refusal(after.holds[int(position) - 1].name, int(holder) if holder else None)


def read_job(job_id: JobId, text: bytes) -> Job:
    """A job that ``write_change`` wrote, perhaps before it had its number."""
    job = decode(text)
    return job if job.id == job_id else with_id(job, job_id)


def _facts(job: Job) -> str:
    letter = LETTERS[job.state]
    stems = "s" + letter
    if job.key is not None:
        stems += f"\tk{quoted(job.key)}"
    due, place = _instant(job.due_at), f"{quoted(job.queue)}{_place(job)}"
    if job.state is QUEUED:
        stems += f"\td{due}\tr{place}" if job.due_at <= job.created_at else f"\td{due}\tl{due}"
    elif job.state is RUNNING:
        stems += f"\tx{_instant(_lapse(job))}"
    holds = ""
    for name, during, limit, ordered in job.holds:
        text = quoted(name)
        wanted = job.state in during
        if wanted:
            stems += f"\tn{text}"
        if ordered and job.state is QUEUED:
            stems += f"\to{text}{PRIORITIES - job.priority:010d}"
        marks = ("-", "W")[wanted] + ("-", "R")[RUNNING in during] + ("-", "O")[ordered]
        holds += f"\n{marks}{limit}{text}"
    return f"{job.version}\n{letter}\n{place}\n{due}\n{stems}{holds}"


class Search(NamedTuple):
    """Where all jobs of a query are to be found.

    ``in_order``: they are found in the order of the query, so that the search may go on after
    the last one, and end when there are enough.
    """

    stems: list[str]
    in_order: bool
    due_by: str = ""
    after: str = ""
    upto: str = ""

    def beyond(self, job: Job) -> Search:
        """The search that goes on after a job."""
        return self._replace(after=max(self.after, self._place(job)))

    def _place(self, job: Job) -> str:
        letter = self.stems[0][0] if self.stems else "r"
        if letter == "r":
            return _place(job) + id_text(job.id)
        if letter == "d":
            return _instant(job.due_at) + id_text(job.id)
        if letter == "x":
            return _instant(_lapse(job)) + id_text(job.id)
        return id_text(job.id)


def search(query: JobQuery) -> Search:
    """The shortest way to all jobs of the query. What is found may still not match."""
    found = _search(query)
    if query.after is not None and found.in_order:
        return found.beyond(query.after)
    return found


def _search(query: JobQuery) -> Search:
    if query.states == ONLY_QUEUED and query.sort == "claim" and query.claimable:
        if query.due_by is not None:
            stems = [f"r{quoted(queue)}" for queue in sorted(query.queues or ())]
            return Search(stems, True, due_by=_instant(query.due_by))
    elif query.states == ONLY_QUEUED and query.sort == "due":
        after, upto = query.due_after, query.due_by
        return Search(
            ["d"],
            True,
            after="" if after is None else _instant(after) + ":",
            upto="" if upto is None else _instant(upto),
        )
    elif query.states == ONLY_RUNNING and query.sort == "lease":
        upto = query.lease_expired_by
        return Search(["x"], True, upto="" if upto is None else _instant(upto))
    if query.key is not None:
        return Search([f"k{quoted(query.key)}"], query.sort == "id")
    stems = [f"s{LETTERS[state]}" for state in sorted(query.states)]
    return Search(stems, query.sort == "id")


def _place(job: Job) -> str:
    """Priority and rank: with the id after it, the place of a job in its queue."""
    rank = job.due_at if job.rank is None else job.rank
    return f"{PRIORITIES - job.priority:010d}{_instant(rank)}"


def _instant(instant: int) -> str:
    """As text whose order is that of the instants."""
    return f"{instant + INSTANTS:020d}"


def _lapse(job: Job) -> int:
    return job.lease.expires_at if job.lease is not None else 0
