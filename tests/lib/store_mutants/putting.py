"""Faults of `put`, `delete` and `clear`: versions, numbers, batches, names, records."""

import asyncio

from pytest_taskq.core import Change, Job, Refusal, State
from store_mutants.base import Honest, breaks


@breaks("test_a_change_of_an_older_version_is_refused_and_changes_nothing")
class IgnoresVersions(Honest):
    def _put(self, after, replacing):
        return super()._put(after, replacing and self._jobs.get(after.id))


@breaks("test_a_change_of_a_version_still_to_come_is_refused")
class TakesNewerVersions(Honest):
    def _put(self, after, replacing):
        stored = self._jobs.get(after.id)
        newer = replacing and stored and replacing.version > stored.version
        return super()._put(after, stored if newer else replacing)


@breaks("test_a_refused_job_uses_up_no_number")
class LeavesGaps(Honest):
    def _put(self, after, replacing):
        answer = super()._put(after, replacing)
        self._last_id += isinstance(answer, Refusal)
        return answer


@breaks("test_the_number_is_the_stores_to_give")
class TakesTheNumberGiven(Honest):
    def _put(self, after, replacing):
        if replacing is None and after.id:
            self._last_id = after.id - 1
        return super()._put(after, replacing)


@breaks("test_the_number_of_a_forgotten_job_is_not_given_again")
class GivesNumbersAgain(Honest):
    def _delete(self, jobs):
        answers = super()._delete(jobs)
        self._last_id = max(self._jobs, default=0)
        return answers


@breaks("test_each_change_of_a_batch_stands_on_its_own")
class AllOrNothing(Honest):
    async def put(self, changes):
        answers = await super().put(changes)
        if not any(isinstance(answer, Refusal) for answer in answers):
            return answers
        self._delete([answer for answer in answers if isinstance(answer, Job)])
        return [Refusal()] * len(answers)


@breaks("test_a_batch_is_written_and_answered_in_order")
class BackwardBatches(Honest):
    async def put(self, changes):
        return (await super().put(changes[::-1]))[::-1]


@breaks("test_a_change_sees_those_before_it_in_its_batch")
class DecidesABatchBeforehand(Honest):
    async def put(self, changes):
        stored = dict(self._jobs)
        answers = []
        for after, replacing in changes:
            stale = replacing and stored[after.id].version != replacing.version
            answers += [Refusal()] if stale else await super().put([Change(after, replacing)])
        return answers


@breaks("test_a_batch_may_have_thousands")
class CutsLongBatches(Honest):
    async def put(self, changes):
        return await super().put(changes[:999])


@breaks("test_only_the_stored_version_is_forgotten")
class DeletesAnyVersion(Honest):
    def _delete(self, jobs):
        return super()._delete([self._jobs.get(job.id, job) for job in jobs])


@breaks("test_a_name_is_free_however_its_job_ends")
class KeepsNamesOfTheDead(Honest):
    def _remember(self, job, takes):
        super()._remember(job, takes)
        if job.state is State.DEAD:
            self._holders.update({hold.name: (job.id,) for hold in job.holds})


@breaks("test_a_name_is_free_when_its_job_is_forgotten")
class KeepsNamesOfTheForgotten(Honest):
    def _delete(self, jobs):
        held = dict(self._holders)
        answers = super()._delete(jobs)
        self._holders.update(held)
        return answers


@breaks("test_a_refused_job_takes_none_of_its_names")
class LetsTheRefusedTakeNames(Honest):
    def _put(self, after, replacing):
        answer = super()._put(after, replacing)
        if isinstance(answer, Refusal) and replacing is None:
            self._holders.update({hold.name: (99,) for hold in after.holds})
        return answer


class Refuses(Honest):
    """Refuses by holds that are not quite those of the job."""

    def hold(self, hold):
        return hold

    def _refusal(self, after, takes):
        holds = tuple(map(self.hold, after.holds))
        return super()._refusal(after._replace(holds=holds), tuple(map(self.hold, takes)))


@breaks("test_a_name_has_room_for_as_many_as_its_limit")
class HasRoomForOneMore(Refuses):
    def hold(self, hold):
        return hold._replace(limit=hold.limit + 1)


@breaks("test_a_name_has_room_for_as_many_as_its_limit")
class HasRoomForOneOnly(Refuses):
    def hold(self, hold):
        return hold._replace(limit=1)


@breaks("test_in_an_ordered_line_the_first_goes_first_whatever_it_waits_for")
class LetsJumpTheLine(Refuses):
    def hold(self, hold):
        return hold._replace(ordered=False)


@breaks("test_names_are_told_apart_to_the_letter")
class TakesNamesOfOneCaseForTheSame(Refuses):
    def hold(self, hold):
        alike = [name for name in self._holders if name.lower() == hold.name.lower()]
        return hold._replace(name=alike[0]) if alike else hold


@breaks("test_a_holder_does_not_stand_in_its_own_way")
class StandsInItsOwnWay(Honest):
    def _refusal(self, after, takes):
        for hold in after.wants(after.state):
            if len(self._holders.get(hold.name, ())) >= hold.limit:
                return Refusal(hold.name, min(self._holders[hold.name]))
        return super()._refusal(after, takes)


@breaks("test_a_name_is_held_by_one_job")
class DoesNotSayWhoHolds(Honest):
    def _refusal(self, after, takes):
        refusal = super()._refusal(after, takes)
        return refusal and Refusal(refusal.name)


@breaks("test_a_refusal_tells_the_first_name_taken_and_its_oldest_holder")
class SaysTheYoungestHolder(Honest):
    def _refusal(self, after, takes):
        refusal = super()._refusal(after, takes)
        return refusal and refusal._replace(holder=max(self._holders.get(refusal.name, (None,))))


@breaks("test_clearing_forgets_every_job_and_name_and_counts_from_one")
class ClearsNoNames(Honest):
    def _begin(self):
        held = dict(getattr(self, "_holders", {}))
        super()._begin()
        self._holders.update(held)


@breaks("test_clearing_forgets_every_job_and_name_and_counts_from_one")
class GoesOnCountingWhenCleared(Honest):
    def _begin(self):
        last = getattr(self, "_last_id", 0)
        super()._begin()
        self._last_id = last


class WritesWithoutALock(Honest):
    """Looks, waits for its server, and writes whatever came meanwhile."""

    async def between(self):
        await asyncio.sleep(0.001)


@breaks("test_of_many_who_claim_one_job_one_gets_it")
class ComparesAndSwapsInTwoSteps(WritesWithoutALock):
    async def put(self, changes):
        seen = {after.id: self._jobs.get(after.id) for after, _ in changes}
        await self.between()
        fresh = [
            Change(after, self._jobs.get(after.id))
            if replacing and seen[after.id] and seen[after.id].version == replacing.version
            else Change(after, replacing)
            for after, replacing in changes
        ]
        return await super().put(fresh)


@breaks("test_jobs_put_at_once_are_numbered_without_a_gap")
class CountsInTwoSteps(WritesWithoutALock):
    async def put(self, changes):
        last = self._last_id
        await self.between()
        self._last_id = last
        return await super().put(changes)


@breaks("test_of_many_who_delete_one_job_one_did_it")
class DeletesInTwoSteps(WritesWithoutALock):
    async def delete(self, jobs):
        there = [self._jobs.get(job.id) == job for job in jobs]
        await self.between()
        await super().delete(jobs)
        return there
