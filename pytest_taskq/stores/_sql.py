"""What the stores in SQL share: the two tables, the rows of a job, and a query as SELECT.

A row of ``jobs`` is the record as text (``doc``) and the columns that a query looks at. A row of
``names`` is one hold of a job. Nothing here decides: the conditions say what ``JobQuery`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_taskq.core.job import Job, JobId, State, with_id
from pytest_taskq.core.store import JobQuery
from pytest_taskq.stores._codec import decode, encode

__all__ = [
    "JOB_COLUMNS",
    "NAME_COLUMNS",
    "Select",
    "job_row",
    "name_rows",
    "read_job",
    "select",
    "tables",
    "unfinished",
]

QUEUED, RUNNING = State.QUEUED, State.RUNNING
STATES = tuple(State)

JOB_COLUMNS = (
    "version",
    "state",
    "queue",
    "task",
    "key",
    "urgency",  # -priority: every order is ascending
    "rank",  # the effective one
    "due_at",
    "lease_until",
    "wants",  # whether it holds a name while it runs
    "doc",
)
"""Of ``jobs``, in the order of ``job_row``; ``id`` comes beside them."""

NAME_COLUMNS = (
    "job",
    "name",
    "room",  # how many jobs may hold it at once
    "holding",  # the job holds the name now
    "wanted",  # the job holds it while it runs
    "line",  # the place by urgency in the line of an ordered name; NULL: not ordered
    "waiting",  # the job is queued, and stands in that line
)
"""Of ``names``, in the order of ``name_rows``."""


def tables(integer: str) -> list[str]:
    """The statements that make the tables. ``integer``: the type with 64 bits."""
    jobs = f"""CREATE TABLE jobs (id {integer} PRIMARY KEY, version {integer} NOT NULL,
        state TEXT NOT NULL, queue TEXT NOT NULL, task TEXT NOT NULL, key TEXT,
        urgency {integer} NOT NULL, rank {integer} NOT NULL, due_at {integer} NOT NULL,
        lease_until {integer}, wants BOOLEAN NOT NULL, doc TEXT NOT NULL)"""
    names = f"""CREATE TABLE names (job {integer} NOT NULL, name TEXT NOT NULL,
        room {integer} NOT NULL, holding BOOLEAN NOT NULL, wanted BOOLEAN NOT NULL,
        line {integer}, waiting BOOLEAN NOT NULL)"""
    return [
        jobs,
        "CREATE INDEX jobs_claim ON jobs (urgency, rank, id) WHERE state = 'queued'",
        "CREATE INDEX jobs_due ON jobs (due_at, id) WHERE state = 'queued'",
        "CREATE INDEX jobs_lease ON jobs (coalesce(lease_until, 0), id) WHERE state = 'running'",
        "CREATE INDEX jobs_key ON jobs (key, id) WHERE key IS NOT NULL",
        names,
        "CREATE INDEX names_job ON names (job)",
        "CREATE INDEX names_held ON names (name, job) WHERE holding",
        "CREATE INDEX names_line ON names (name, line, job) WHERE waiting",
    ]


def job_row(job: Job) -> tuple[Any, ...]:
    """The values of ``JOB_COLUMNS``. ``doc`` need not know the id: ``read_job`` puts it in."""
    return (
        job.version,
        job.state.value,
        job.queue,
        job.task,
        job.key,
        -job.priority,
        job.due_at if job.rank is None else job.rank,
        job.due_at,
        None if job.lease is None else job.lease.expires_at,
        bool(job.holds) and any(RUNNING in hold.during for hold in job.holds),
        encode(job),
    )


def name_rows(job: Job) -> list[tuple[Any, ...]]:
    """The values of ``NAME_COLUMNS`` for each hold of a job, in the order of its holds."""
    queued = job.state is QUEUED
    return [
        (
            job.id,
            hold.name,
            hold.limit,
            job.state in hold.during,
            RUNNING in hold.during,
            -job.priority if hold.ordered else None,
            queued and hold.ordered,
        )
        for hold in job.holds
    ]


def unfinished(table: str = "jobs") -> str:
    """The statement that says whether any job is queued or running."""
    some = " OR ".join(
        [
            f"EXISTS (SELECT 1 FROM {table} WHERE state = '{state}')"  # noqa: S608
            for state in (QUEUED, RUNNING)
        ]
    )
    return f"SELECT {some}"


def read_job(job_id: JobId, doc: str) -> Job:
    """The job of a row that ``select`` found."""
    return with_id(decode(doc), job_id)


# A name keeps a job from running when others fill it, or when another one comes before in line.
# Of a line only its first is looked at: SQLite would search all that are as urgent as the job.
FREE = """(NOT wants OR NOT EXISTS (
    SELECT 1 FROM names AS mine WHERE mine.job = jobs.id AND mine.wanted AND (
        (SELECT count(DISTINCT held.job) FROM names AS held
            WHERE held.name = mine.name AND held.holding) >= mine.room
        AND NOT EXISTS (SELECT 1 FROM names AS held
            WHERE held.name = mine.name AND held.holding AND held.job = mine.job)
        OR mine.line IS NOT NULL AND (mine.line, mine.job) > (
            SELECT ahead.line, ahead.job FROM names AS ahead
            WHERE ahead.name = mine.name AND ahead.waiting
            ORDER BY ahead.line, ahead.job LIMIT 1)
    )
))"""
ORDERS = {
    "claim": "urgency, rank, id",
    "due": "due_at, id",
    "lease": "coalesce(lease_until, 0), id",
    "id": "id",
}


class Select(NamedTuple):
    """A statement and the values of its placeholders, in order. Its rows are (id, doc)."""

    sql: str
    values: list[Any]


def select(query: JobQuery, mark: Callable[[int], str], table: str = "jobs") -> Select:
    """The statement that answers a query exactly.

    ``mark``: how the placeholder with a number from 1 is written. ``table``: what follows FROM,
    for a server that wants to be told which index to use.
    """
    values: list[Any] = []

    def put(*given: Any) -> str:
        values.extend(given)
        return ", ".join([mark(len(values) - len(given) + n) for n in range(1, len(given) + 1)])

    # States are written out: only so can a partial index be chosen.
    states = " OR ".join([f"state = '{state}'" for state in STATES if state in query.states])
    where = [f"({states or '1 = 0'})"]
    for column, names in (("queue", query.queues), ("task", query.tasks)):
        if names is not None:
            where.append(f"{column} IN ({put(*sorted(names))})" if names else "1 = 0")
    for condition, value in (
        ("key =", query.key),
        ("due_at <=", query.due_by),
        ("due_at >", query.due_after),
        ("lease_until <=", query.lease_expired_by),
    ):
        if value is not None:
            where.append(f"{condition} {put(value)}")
    order = ORDERS[query.sort]
    if query.after is not None:
        where.append(f"({order}) > ({put(*query.order(query.after))})")
    if query.claimable:
        where.append(FREE)
    limit = "" if query.limit is None else f" LIMIT {put(query.limit)}"
    conditions = " AND ".join(where)
    # Every word of a user's is a placeholder's value.
    sql = f"SELECT id, doc FROM {table} WHERE {conditions} ORDER BY {order}{limit}"  # noqa: S608
    return Select(sql, values)
