"""Faults of `find`, and of what records are kept as."""

from fnmatch import fnmatchcase

from pytest_taskq.core import Failure, JobQuery, State
from store_mutants.base import Honest, Scan, breaks


@breaks("test_by_due_instant_up_to_and_with_one_or_after_the_other")
class TakesDueByForBefore(Scan):
    def matches(self, query, job):
        return super().matches(query, job) and job.due_at != query.due_by


@breaks("test_by_due_instant_up_to_and_with_one_or_after_the_other")
class TakesDueAfterForFrom(Scan):
    def matches(self, query, job):
        at = query.due_after
        return super().matches(query._replace(due_after=None if at is None else at - 1), job)


@breaks("test_by_lapsed_lease_up_to_and_with_the_instant")
class TakesLapsedForBefore(Scan):
    def matches(self, query, job):
        on_the_dot = job.lease and job.lease.expires_at == query.lease_expired_by
        return super().matches(query, job) and not on_the_dot


@breaks("test_in_claim_order_by_priority_then_rank_or_due_instant_then_age")
class PutsTheYoungestFirst(Scan):
    def order(self, query, job):
        order = query.order(job)
        return (*order[:-1], order[-1] if query.sort == "id" else -order[-1])


@breaks("test_in_claim_order_by_priority_then_rank_or_due_instant_then_age")
class OrdersWithoutRank(Scan):
    def order(self, query, job):
        return query.order(job._replace(rank=None))


@breaks("test_in_claim_order_by_priority_then_rank_or_due_instant_then_age")
class PutsTheLowestPriorityFirst(Scan):
    def order(self, query, job):
        return query.order(job._replace(priority=-job.priority))


@breaks("test_in_order_of_lease_then_age_without_a_lease_at_zero")
class PutsThoseWithoutALeaseLast(Scan):
    def order(self, query, job):
        return (query.sort == "lease" and job.lease is None, *query.order(job))


@breaks("test_instants_are_exact_to_the_microsecond")
class OrdersInstantsAsText(Scan):
    def order(self, query, job):
        return (str(job.due_at), job.id) if query.sort == "due" else query.order(job)


@breaks("test_instants_are_exact_to_the_microsecond")
class ComparesInstantsAsFloats(Scan):
    def matches(self, query, job):
        due = float(query.due_by) if query.due_by is not None else None
        return super().matches(query._replace(due_by=due), job._replace(due_at=float(job.due_at)))


@breaks("test_pages_miss_nothing_and_repeat_nothing")
class RepeatsTheLastOfThePageBefore(Scan):
    def matches(self, query, job):
        return super().matches(query._replace(after=None), job) and (
            query.after is None or query.order(job) >= query.order(query.after)
        )

    def page(self, query, jobs):  # a little cleverer, so that paging comes to an end
        return jobs[: query.limit] if jobs != [query.after] else []


@breaks("test_pages_miss_nothing_and_repeat_nothing")
class LosesTheRestOfEquals(Scan):
    def matches(self, query, job):
        if not super().matches(query, job):
            return False
        key = len(query.order(job)) - 1 or 1
        return query.after is None or query.order(job)[:key] > query.order(query.after)[:key]


@breaks("test_a_page_follows_a_job_that_has_changed_or_gone")
class LooksUpThePageBefore(Scan):
    def _find(self, query):
        after = query.after and self._jobs.get(query.after.id)
        return super()._find(query._replace(after=after))


@breaks("test_a_page_of_blocked_jobs_does_not_starve_a_free_one")
class CutsThePageFirst(Scan):
    def _find(self, query):
        page = super()._find(query._replace(claimable=False))
        return [job for job in page if not query.claimable or self.free(job)]


@breaks("test_jobs_whose_names_are_taken_are_not_claimable")
class OffersTheBlocked(Scan):
    def free(self, job):
        return True


@breaks("test_in_an_ordered_line_the_first_goes_first_whatever_it_waits_for")
class OffersThoseBehindInLine(Scan):
    def free(self, job):
        holds = tuple(hold._replace(ordered=False) for hold in job.holds)
        return super().free(job._replace(holds=holds))


@breaks("test_a_freed_name_is_offered_to_whoever_asks")
class OffersAFreedNameToOne(Scan):
    def page(self, query, jobs):
        seen = set()
        return [
            job
            for job in super().page(query, jobs)
            if not query.claimable
            or not job.holds
            or not (job.holds[0] in seen or seen.add(job.holds[0]))
        ]


@breaks("test_conditions_may_be_combined_at_will")
class TakesALimitOfZeroForNone(Scan):
    def page(self, query, jobs):
        return jobs[: query.limit or None]


@breaks("test_by_queue_task_and_key")
class TakesNoQueueForAnyQueue(Scan):
    def matches(self, query, job):
        return super().matches(query._replace(queues=query.queues or None), job)


@breaks("test_keys_queues_and_tasks_are_told_apart_to_the_letter")
class LooksForKeysOfAnyCase(Scan):
    def matches(self, query, job):
        key = job.key and query.key and job.key.lower() == query.key.lower() and query.key
        return super().matches(query, job._replace(key=key or job.key))


@breaks("test_keys_queues_and_tasks_are_told_apart_to_the_letter")
class TakesKeysForPatterns(Scan):
    def matches(self, query, job):
        key = job.key and query.key and fnmatchcase(job.key, query.key) and query.key
        return super().matches(query, job._replace(key=key or job.key))


@breaks("test_a_query_may_name_very_many_queues")
class LooksAtFewQueues(Scan):
    def matches(self, query, job):
        return (query.queues is None or len(query.queues) < 1000) and super().matches(query, job)


@breaks("test_a_job_is_found_as_it_is_now")
class FindsThingsAsTheyWere(Scan):
    def matches(self, query, job):
        self.first = {**getattr(self, "first", {})}
        first = self.first.setdefault(job.id, job)
        return super().matches(query, job._replace(queue=first.queue, due_at=first.due_at))


class Keeps(Honest):
    """Keeps a record that is not quite the one that was put."""

    def kept(self, job):
        return job

    def _put(self, after, replacing):
        return super()._put(self.kept(after), replacing)


@breaks("test_a_new_job_comes_back_as_it_was_put")
class KeepsInstantsAsFloats(Keeps):
    def kept(self, job):
        return job._replace(due_at=int(float(job.due_at) * 1.0000001))


@breaks("test_a_new_job_comes_back_as_it_was_put")
class LosesLabels(Keeps):
    def kept(self, job):
        return job._replace(labels={})


@breaks("test_a_new_job_comes_back_as_it_was_put")
class LosesTheRank(Keeps):
    def kept(self, job):
        return job._replace(rank=None)


@breaks("test_a_new_job_comes_back_as_it_was_put")
class CutsNames(Keeps):
    def kept(self, job):
        return job._replace(task=job.task[:255])


@breaks("test_every_field_that_changes_comes_back_as_it_was_put")
class LosesWhatAnErrorSaysAfterNul(Keeps):
    def kept(self, job):
        if job.failure is None:
            return job
        return job._replace(failure=Failure(*[text.partition("\0")[0] for text in job.failure]))


@breaks("test_every_field_that_changes_comes_back_as_it_was_put")
class TakesEmptyForNone(Keeps):
    def kept(self, job):
        return job._replace(result=job.result or None)


@breaks("test_leases_are_exact_to_the_microsecond_and_the_last_digit")
class KeepsTokensAsFloats(Keeps):
    def kept(self, job):
        lease = job.lease and job.lease._replace(token=int(float(job.lease.token)))
        return job._replace(lease=lease)


@breaks("test_fields_have_the_types_they_were_put_with")
class KeepsStatesAsText(Honest):
    async def get(self, job_id):
        job = await super().get(job_id)
        return job and job._replace(state=str(job.state))


@breaks("test_priorities_are_exact")
class KeepsSmallPriorities(Keeps):
    def kept(self, job):
        return job._replace(priority=max(-32768, min(job.priority, 32767)))


UNFINISHED = "test_a_job_is_unfinished_until_it_has_ended_whatever_it_waits_for"


@breaks(UNFINISHED)
class TakesTheRunningForFinished(Honest):
    async def unfinished(self):
        return bool(await self.find(JobQuery(states=frozenset({State.QUEUED}))))


@breaks(UNFINISHED)
class TakesWhatIsNotDueForFinished(Honest):
    async def unfinished(self):
        queued = await self.find(JobQuery(states=frozenset({State.QUEUED}), due_by=0))
        return bool(queued or self._running)


@breaks(UNFINISHED)
class TakesTheDeadForUnfinished(Honest):
    async def unfinished(self):
        ended = JobQuery(states=frozenset({State.DEAD}))
        return await super().unfinished() or bool(await self.find(ended))
