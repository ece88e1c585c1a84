"""A store that has to wait for each answer, as those behind a server do."""

import asyncio

from pytest_taskq.stores.memory import MemoryStore


class WaitingStore(MemoryStore):
    """Gives the loop a turn before it looks or changes anything, and another one after."""

    immediate = False

    async def put(self, changes):
        return await self._waited(super().put(changes))

    async def get(self, job_id):
        return await self._waited(super().get(job_id))

    async def find(self, query):
        return await self._waited(super().find(query))

    async def unfinished(self):
        return await self._waited(super().unfinished())

    async def delete(self, jobs):
        return await self._waited(super().delete(jobs))

    async def clear(self):
        return await self._waited(super().clear())

    async def _waited(self, call):
        try:
            await asyncio.sleep(0)
        except BaseException:
            call.close()
            raise
        answer = await call
        await asyncio.sleep(0)
        return answer
