"""What a faulty store is made of, and the list of them."""

from pytest_taskq.stores.memory import MemoryStore
from pytest_taskq.testing.conformance import StoreConformance

MUTANTS = []


def breaks(promise):
    """Enter a store into the list, beside the test that catches it."""

    def enter(store):
        MUTANTS.append((store, promise))
        return store

    return enter


class Honest(MemoryStore):
    """Keeps every promise. `shared` is the world: what all handles on a namespace have at hand."""

    @classmethod
    def open(cls, shared, namespace):
        if namespace not in shared:
            shared[namespace] = cls()
        return shared[namespace]


class Scan(Honest):
    """Finds by going through all jobs, in steps that can be wrong one by one."""

    def matches(self, query, job):
        return query.matches(job)

    def order(self, query, job):
        return query.order(job)

    def free(self, job):
        return self._waiting.blocked_by(job) is None

    def page(self, query, jobs):
        return jobs[: query.limit]

    def _find(self, query):
        jobs = sorted(
            (job for job in self._jobs.values() if self.matches(query, job)),
            key=lambda job: self.order(query, job),
        )
        return self.page(query, [job for job in jobs if not query.claimable or self.free(job)])


class Handle:
    """One of several objects on one store, in steps that can be wrong one by one."""

    def __init__(self, store):
        self.store = store

    @classmethod
    def open(cls, shared, namespace):
        return cls(Honest.open(shared, namespace))

    def __getattr__(self, name):
        return getattr(self.store, name)


def suite_of(store_class, **settings):
    """An instance of the suite on stores of this class."""
    shared = {}

    async def open_store(self, namespace):
        return store_class.open(shared, namespace)

    name = f"Test{store_class.__name__}"
    return type(name, (StoreConformance,), {"open_store": open_store, **settings})()


def promises():
    """The names of all tests of the suite."""
    return [name for name in dir(StoreConformance) if name.startswith("test_")]
