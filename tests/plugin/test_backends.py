"""Backends on the command line and by marker; the stores themselves are tested elsewhere."""

import pytest

MANY = """
import pytest
from pytest_taskq.docket import Docket, Worker

@pytest.mark.asyncio
async def test_parcel(docket, worker, taskq_backend):
    seen = []

    async def pack(parcel):
        seen.append(parcel)

    await docket.add(pack)(7)
    await worker.run_until_finished()
    assert seen == [7]

def test_without_a_queue():
    pass
"""


def test_several_backends_run_each_test_that_has_a_queue_once_on_each(run):
    result = run(MANY, "-v", "--taskq-backend=memory,sqlite", "--taskq-backend=fakeredis")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "taskq: backend=memory, sqlite, fakeredis, seed=0",
            "*::test_parcel[[]memory] PASSED*",
            "*::test_parcel[[]sqlite] PASSED*",
            "*::test_parcel[[]fakeredis] PASSED*",
            "*::test_without_a_queue PASSED*",
        ]
    )


def test_a_test_of_the_users_own_app_runs_on_each_too(run):
    result = run(
        """
        from procrastinate import App, testing
        import pytest

        app = App(connector=testing.InMemoryConnector())

        @app.task(name="greet")
        def greet(): ...

        @pytest.fixture
        def taskq_app():
            return app

        def test_own(taskq):
            greet.defer()
            assert taskq.drain().counts == {"succeeded": 1}

        def test_name(taskq_backend):
            pass
        """,
        "-v",
        "--taskq-backend=memory,sqlite",
    )
    result.assert_outcomes(passed=4)
    for name in ("test_own[memory]", "test_own[sqlite]", "test_name[memory]", "test_name[sqlite]"):
        result.stdout.fnmatch_lines([f"*{name.replace('[', '[[]')} PASSED*"])


def test_a_single_backend_leaves_the_ids_of_tests_alone(run):
    result = run(MANY, "-v", ini="taskq_backend = sqlite\n")
    result.stdout.fnmatch_lines(["taskq: backend=sqlite, seed=0", "*::test_parcel PASSED*"])


MARKED = """
import pytest

@pytest.mark.taskq_backend("sqlite", "fakeredis")
def test_marked(in_memory_app, taskq_backend):
    print("on", taskq_backend)
"""


@pytest.mark.parametrize(
    ("chosen", "run_on"),
    [
        ("memory,sqlite", ["sqlite"]),
        ("memory", ["sqlite", "fakeredis"]),
        ("fakeredis,memory,sqlite", ["fakeredis", "sqlite"]),
    ],
)
def test_the_marker_narrows_a_test_and_never_leaves_it_out(run, chosen, run_on):
    result = run(MARKED, "-s", f"--taskq-backend={chosen}")
    result.assert_outcomes(passed=len(run_on))
    seen = [line.partition("on ")[2] for line in result.outlines]
    assert [name for name in seen if name in {"memory", "sqlite", "fakeredis"}] == run_on


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('"mongo"', "*takes names of backends. It was given 'mongo'. The backends are: memory,*"),
        ("", "*takes names of backends. It was given nothing.*"),
        ('name="sqlite"', "*takes names of backends. It was given name.*"),
    ],
)
def test_a_wrong_marker_is_told_in_one_line(run, marker, message):
    result = run(MARKED.replace('"sqlite", "fakeredis"', marker))
    assert result.ret != 0
    result.stdout.fnmatch_lines([message])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--taskq-url=mysql://h"], "*one known scheme each. There is one that begins with 'my*"),
        (["--taskq-url=redis://a,redis://b"], "*There is two for redis, by --taskq-url.*"),
        (
            ["--taskq-backend=redis", "--taskq-redis-bin=/nowhere/redis-server"],
            "ERROR: taskq: *redis*",
        ),
    ],
)
def test_a_server_that_cannot_be_had_ends_the_run_before_it_begins(run, options, line):
    result = run("def test(): pass", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([line])
    assert run("def test(): pass", *options, "--help").ret == 0


def test_a_password_is_shown_nowhere(run):
    for url in ("redis://me:hunter2@localhost:1/0", "redis://localhost:1/0?password=hunter2"):
        result = run("def test(docket): pass", "--taskq-backend=redis", f"--taskq-url={url}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert "hunter2" not in str(result.stderr) + str(result.stdout)
        result.stderr.fnmatch_lines(["ERROR: taskq: *localhost*"])


@pytest.mark.parametrize(
    ("backend", "package", "extra"),
    [
        ("redis", "redis", "redis"),
        ("fakeredis", "lupa", "redis"),
        ("postgres", "asyncpg", "postgres"),
    ],
)
def test_a_missing_driver_ends_the_run_before_it_begins(
    run, pytester, monkeypatch, backend, package, extra
):
    # Python finds nothing under a name that stands for None.
    pytester.makepyfile(without=f"import sys\nsys.modules[{package!r}] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    result = run("def test(): pass", "-p", "without", f"--taskq-backend={backend}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f'ERROR: taskq: *{package}*Run: pip install "pytest-taskq[[]{extra}]"']
    )


LAST = """
import pytest
from pytest_taskq.core.errors import StoreUnavailable

async def pack(parcel): ...

@pytest.mark.asyncio
async def test_last(docket):
    await docket.add(pack)(7)
    with pytest.raises(StoreUnavailable):
        await docket.queue.store._store._connections.call("SHUTDOWN", "NOSAVE")
"""


def test_what_the_last_test_cannot_remove_fails_it(run):
    result = run(LAST, "--taskq-backend=redis")
    result.assert_outcomes(passed=1, errors=1)
    left = "*what the tests have left on a server could not be removed. The Redis server at *"
    result.stdout.fnmatch_lines([left])
    result.stderr.no_fnmatch_line("*Traceback*")


def test_what_a_run_that_is_stopped_cannot_remove_fails_its_last_test(run):
    more = "\n\ndef test_more(docket): assert 0\n\ndef test_never(): ...\n"
    result = run(LAST + more, "--taskq-backend=redis", "-x")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*what the tests have left on a server could not be removed.*"])


@pytest.mark.parametrize("options", [(), ("-p", "no:terminal")])
def test_what_an_interrupted_run_cannot_remove_is_told_at_its_end(run, options):
    more = "\n\ndef test_more(): raise KeyboardInterrupt\n"
    result = run(LAST + more, "--taskq-backend=redis", *options)
    result.stderr.fnmatch_lines(["taskq: what the tests have left *The Redis server at *"])
    result.stderr.no_fnmatch_line("*Traceback*")


DIES = """
import pytest

async def pack(parcel): ...

@pytest.mark.asyncio
async def test_parcels(docket):
    await docket.add(pack)(7)
    try:
        await docket.queue.store._store._connections.call("SHUTDOWN", "NOSAVE")
    except Exception:
        pass
    await docket.add(pack)(8)
"""


def test_a_server_that_dies_fails_the_line_of_the_test_that_needed_it(run):
    result = run(DIES, "--taskq-backend=redis")
    result.stdout.fnmatch_lines(
        [
            ">       await docket.add(pack)(8)",
            "E  *StoreUnavailable: The Redis server at * does not answer.*",
            "The queue cannot be shown: StoreUnavailable in its description.",
        ]
    )
