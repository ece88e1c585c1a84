"""What is sent to Postgres for one namespace: the statements that make it, use it and end it."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Any

from pytest_taskq.core.store import JobQuery
from pytest_taskq.stores._postgres_batch import FIELDS, ROW
from pytest_taskq.stores._sql import Select, select, tables, unfinished

__all__ = ["MARK", "MARK_OF", "Statements", "known"]

MARK = "made by pytest-taskq"
MARK_OF = (
    "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1"
)
LEAST, MOST = -(2**63), 2**63 - 1


class Statements:
    """The statements of a namespace, whose name needs quoting nowhere."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self.schema = schema = f'"{namespace}"'
        lock = self._lock = f"SELECT pg_advisory_xact_lock({_number(namespace)})"
        tell = f"pg_notify('{namespace}', '')"
        self.get = f"SELECT id, doc FROM {schema}.jobs WHERE id = $1"  # noqa: S608
        self.unfinished = unfinished(f"{schema}.jobs")
        self.add = (
            f"INSERT INTO {schema}.jobs SELECT nextval('{schema}.numbers'), {ROW} "  # noqa: S608
            f"FROM ({lock}) AS locked RETURNING id, {tell}"
        )
        self.put = (
            f"SELECT landed::text[], taken, holders::text[] FROM {schema}.put("  # noqa: S608
            "$1::text::bigint[], $2::text::text[], $3::text::bigint[], $4::text::text[])"
        )
        self.delete = (
            f"WITH gone AS (DELETE FROM {schema}.jobs USING ({lock}) AS locked, "  # noqa: S608
            "unnest($1::text::bigint[], $2::text::bigint[]) AS job(id, version) "
            "WHERE jobs.id = job.id AND jobs.version = job.version "
            "RETURNING jobs.id, jobs.version), "
            f"released AS (DELETE FROM {schema}.names USING gone WHERE names.job = gone.id) "
            f"SELECT id, version, {tell} FROM gone"
        )
        self.clear = (
            f"{lock}; TRUNCATE {schema}.jobs, {schema}.names; "
            f"SELECT setval('{schema}.numbers', 1, false); NOTIFY {schema}"
        )
        self.drop = f"{lock}; DROP SCHEMA IF EXISTS {schema} CASCADE"

    @property
    def make(self) -> str:
        """Makes the schema and all in it: one transaction, since it is sent as one."""
        schema, lock = self.schema, str(_number(self._namespace))
        functions = _functions().replace("{schema}", schema).replace("{lock}", lock)
        return ";\n".join(
            [
                self._lock,
                "SET LOCAL check_function_bodies = off",
                f"CREATE SCHEMA {schema}",
                f"COMMENT ON SCHEMA {schema} IS '{MARK}'",
                f"SET LOCAL search_path = {schema}",
                *tables("bigint"),
                functions.replace("{channel}", self._namespace).replace("{jobs}", FIELDS),
            ]
        )

    def find(self, query: JobQuery) -> Select:
        """The statement that answers a query, and its values."""
        sql, values = select(query, "${}".format, f"{self.schema}.jobs")
        sql = sql.replace(" FROM names ", f" FROM {self.schema}.names ")
        return Select(sql, [known(value) for value in values])


def known(value: Any) -> Any:
    """A value to compare with: where no job can have it, one that the server can read too."""
    if isinstance(value, int):
        return min(max(value, LEAST), MOST)
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        return "?" * 1000  # longer than any name
    return value


def _number(namespace: str) -> int:
    """The number of the lock of a namespace; locks of a server have no names."""
    digest = hashlib.blake2b(f"pytest-taskq {namespace}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


@cache
def _functions() -> str:
    return resources.files(__package__).joinpath("_postgres.sql").read_text("utf-8")
