"""The least that can be called a queue on each server: one statement or script a step, no library.

Each has one call to enqueue a job, one to claim and one to finish; the ones "in bulk" take a
hundred jobs a call. Their shape is that of the peers.
"""

import asyncio
import json
import sqlite3
import time

from jobs import arguments, in_hundreds

CONNECTIONS = 10


class Limit:
    def __init__(self, url, slots, jobs):
        self.url = url
        self.batch = 1 if slots == CONNECTIONS else 100
        self.jobs = jobs
        self.finished = 0

    async def run(self, texts):
        for text in texts:
            await self.jobs.noop(**json.loads(text))

    async def is_done(self):
        return self.finished == self.jobs.expected


class Sqlite(Limit):
    async def open(self):
        self.db = sqlite3.connect(self.url, isolation_level=None)
        self.db.executescript(
            """PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
            CREATE TABLE job (id INTEGER PRIMARY KEY, state INT DEFAULT 0, due REAL, task TEXT,
                args TEXT, attempts INT DEFAULT 0, finished REAL);
            CREATE INDEX ready ON job (due, id) WHERE state = 0;"""
        )

    async def close(self):
        self.db.close()

    INSERT = "INSERT INTO job (due, task, args) VALUES (?, 'noop', ?)"
    CLAIM = """UPDATE job SET state = 1, attempts = attempts + 1 WHERE id IN (SELECT id FROM job
        WHERE state = 0 AND due <= ? ORDER BY due, id LIMIT ?) RETURNING id, args"""
    FINISH = "UPDATE job SET state = 2, finished = ? WHERE id = ?"

    async def enqueue(self, amount):
        for each in arguments(amount):
            self.db.execute(self.INSERT, (time.time(), json.dumps(each)))

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            self.db.execute("BEGIN")
            rows = ((time.time(), json.dumps(each)) for each in batch)
            self.db.executemany(self.INSERT, rows)
            self.db.execute("COMMIT")

    async def work(self):
        execute = self.db.execute
        while rows := execute(self.CLAIM, (time.time(), self.batch)).fetchall():
            await self.run(text for _, text in rows)
            if self.batch == 1:
                execute(self.FINISH, (time.time(), rows[0][0]))
            else:
                execute("BEGIN")
                finished = [(time.time(), number) for number, _ in rows]
                self.db.executemany(self.FINISH, finished)
                execute("COMMIT")
            self.finished += len(rows)


class Redis(Limit):
    ENQUEUE = """local number = redis.call('INCR', KEYS[1] .. 'last')
        redis.call('HSET', KEYS[1] .. number, 'task', 'noop', 'args', ARGV[2], 'state', 'queued')
        redis.call('ZADD', KEYS[1] .. 'ready', ARGV[1], number)
        return number"""
    CLAIM = """local found = {}
        local due = redis.call('ZRANGEBYSCORE', KEYS[1] .. 'ready', '-inf', ARGV[1],
            'LIMIT', 0, ARGV[2])
        for _, number in ipairs(due) do
            redis.call('ZREM', KEYS[1] .. 'ready', number)
            redis.call('HSET', KEYS[1] .. number, 'state', 'running')
            found[#found + 1] = number
            found[#found + 1] = redis.call('HGET', KEYS[1] .. number, 'args')
        end
        return found"""
    FINISH = """for at = 2, #ARGV do
            redis.call('HSET', KEYS[1] .. ARGV[at], 'state', 'done', 'finished', ARGV[1])
        end"""

    async def open(self):
        import redis.asyncio

        self.redis = redis.asyncio.Redis.from_url(self.url)
        scripts = (self.ENQUEUE, self.CLAIM, self.FINISH)
        self.shas = [await self.redis.script_load(script) for script in scripts]

    async def close(self):
        await self.redis.aclose()

    async def enqueue(self, amount):
        for each in arguments(amount):
            await self.call(self.redis, 0, time.time(), json.dumps(each))

    async def enqueue_in_bulk(self, amount):
        for batch in in_hundreds(arguments(amount)):
            pipeline = self.redis.pipeline(transaction=False)
            for each in batch:
                self.call(pipeline, 0, time.time(), json.dumps(each))
            await pipeline.execute()

    def call(self, redis, script, *values):
        return redis.evalsha(self.shas[script], 1, "{limit}", *values)

    async def work(self):
        await asyncio.gather(*(self.claim_and_run() for _ in range(CONNECTIONS)))

    async def claim_and_run(self):
        while found := await self.call(self.redis, 1, time.time(), self.batch):
            await self.run(found[1::2])
            await self.call(self.redis, 2, time.time(), *found[::2])
            self.finished += len(found) // 2

    async def round_trip(self):
        """The three calls, one after the other: nobody is waited for."""
        await self.call(self.redis, 0, time.time(), json.dumps({"number": 0, "text": "x"}))
        number, text = await self.call(self.redis, 1, time.time(), 1)
        await self.run([text])
        await self.call(self.redis, 2, time.time(), number)


class Postgres(Limit):
    TABLE = """CREATE TABLE job (id bigserial PRIMARY KEY, state smallint NOT NULL DEFAULT 0,
            due timestamptz NOT NULL DEFAULT now(), task text, args text,
            attempts int NOT NULL DEFAULT 0, finished timestamptz);
        CREATE INDEX ready ON job (due, id) WHERE state = 0"""
    INSERT = "INSERT INTO job (task, args) VALUES ('noop', $1)"
    CLAIM = """UPDATE job SET state = 1, attempts = attempts + 1 WHERE id = ANY (ARRAY (
        SELECT id FROM job WHERE state = 0 AND due <= now() ORDER BY due, id LIMIT $1
        FOR UPDATE SKIP LOCKED)) RETURNING id, args"""
    FINISH = "UPDATE job SET state = 2, finished = now() WHERE id = ANY ($1)"

    async def open(self):
        import asyncpg

        self.pool = await asyncpg.create_pool(self.url, min_size=CONNECTIONS, max_size=CONNECTIONS)
        await self.pool.execute(self.TABLE)

    async def close(self):
        await self.pool.close()

    async def enqueue(self, amount):
        async with self.pool.acquire() as connection:
            insert = await connection.prepare(self.INSERT)
            for each in arguments(amount):
                await insert.fetch(json.dumps(each))

    async def enqueue_in_bulk(self, amount):
        async with self.pool.acquire() as connection:
            for batch in in_hundreds(arguments(amount)):
                rows = [("noop", json.dumps(each)) for each in batch]
                await connection.copy_records_to_table(
                    "job", columns=["task", "args"], records=rows
                )

    async def work(self):
        await asyncio.gather(*(self.claim_and_run() for _ in range(CONNECTIONS)))

    async def claim_and_run(self):
        async with self.pool.acquire() as connection:
            claim = await connection.prepare(self.CLAIM)
            finish = await connection.prepare(self.FINISH)
            while rows := await claim.fetch(self.batch):
                await self.run(row["args"] for row in rows)
                await finish.fetch([row["id"] for row in rows])
                self.finished += len(rows)

    async def round_trip(self):
        """The three calls, one after the other: nobody is waited for."""
        await self.pool.execute(self.INSERT, json.dumps({"number": 0, "text": "x"}))
        ((number, text),) = await self.pool.fetch(self.CLAIM, 1)
        await self.run([text])
        await self.pool.execute(self.FINISH, [number])
