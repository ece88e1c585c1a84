"""The other libraries, one file each and all of one shape; the limits and our engine have it too.

A subject is made from the address of a server, the number of slots of its worker, and the jobs.
``open`` and ``close`` are not timed. ``enqueue`` takes the jobs one by one, ``enqueue_in_bulk``
as the library does it for many: by its own call where it has one, else a hundred at a time.
``work`` runs a worker until it is cancelled, or until there is nothing left. ``is_done`` says
whether every job is recorded as finished. ``round_trip`` enqueues one job while a worker runs,
and returns when the library says that it has finished.
"""
