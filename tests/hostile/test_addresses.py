"""What an address leads to is used for tests only, and the password in it is shown nowhere.

The numbers are those of a catalogue of hostile input, row by row.
"""

import asyncio
from urllib.parse import urlsplit

import pytest

from support.stores import ALL

ELSEWHERE = {
    "redis": ("redis://cache.example.org:6379", "redis://localhost.prod:6379"),
    "postgres": (
        *("postgresql://db.example.org/tests", "postgresql://localhost/shop_production"),
        "postgresql://localhost",
    ),
}
# What an app finds its own servers by, or a driver does where a URL says nothing.
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://me@db.example.org/production",
    "REDIS_URL": "redis://cache.example.org",
    "DOCKET_URL": "redis://cache.example.org",
    "SONIQ_DATABASE_URL": "postgresql://me@db.example.org/production",
    "PGHOST": "db.example.org",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "production",
    "PGSERVICE": "production",
    "PGSSLMODE": "require",
}
RUNS_ONE_JOB = """
import pytest

@pytest.mark.asyncio
async def test_parcel(docket, worker):
    seen = []

    async def pack(parcel):
        seen.append(parcel)

    await docket.add(pack)(7)
    await worker.run_until_finished()
    assert seen == [7]
"""
PASSWORD = "hun%40ter2/x"
FAILS = """
import warnings
import pytest

@pytest.mark.asyncio
async def test_fails(docket, worker, taskq_clock):
    async def pack(parcel):
        raise ValueError(docket)

    await docket.add(pack)(7)
    await worker.run_until_finished()
    warnings.warn(f"{docket!r} {worker!r}")
    here = locals()
    assert here is None

def test_prints(request, docket):
    print(docket, request.config)
    raise RuntimeError(repr(docket))
"""


@pytest.fixture
def run(pytester):
    def run(text, *options):
        pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        pytester.makepyfile(text)
        fixed = ("-p", "no:cacheprovider", "-p", "no:randomly")
        return pytester.runpytest_subprocess(*fixed, *options, timeout=60)

    return run


@pytest.mark.parametrize("backend", ALL)
def test_row_9_what_the_environment_names_is_left_alone(run, monkeypatch, backend):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    result = run(RUNS_ONE_JOB, f"--taskq-backend={backend}")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("backend", ALL)
def test_row_9_a_server_that_is_not_for_tests_is_not_touched(run, backend):
    """For a backend without a server an address is nothing to go to."""
    urls = ELSEWHERE.get(backend)
    for url in urls or ("redis://cache.example.org",):
        result = run(RUNS_ONE_JOB, f"--taskq-backend={backend}", f"--taskq-url={url}")
        if urls is None:
            result.assert_outcomes(passed=1)
        else:
            assert result.ret == pytest.ExitCode.USAGE_ERROR
            result.stderr.fnmatch_lines(["ERROR: taskq: *--taskq-allow-remote*"])


@pytest.fixture
def secret_url(backends):
    """The address of a server of ours with a password in it; on Redis it is needed."""

    def url(backend):
        place = backends.place(backend)
        if backend == "postgres":
            return place.replace("taskq@", f"taskq:{PASSWORD.replace('/', '%2F')}@")
        asyncio.run(let_in(place))
        return place.replace("unix://", f"unix://ann:{PASSWORD.replace('/', '%2F')}@")

    return url


async def let_in(place):
    from redis import asyncio as driver

    async with driver.from_url(place) as client:
        await client.execute_command(
            *("ACL", "SETUSER", "ann", "on", ">hun@ter2/x", "~*", "&*", "+@all")
        )


@pytest.mark.parametrize("options", [["-vv", "-l", "-rA"], ["-n1", "--full-trace"]], ids=" ".join)
@pytest.mark.parametrize("backend", ["redis", "postgres"])
def test_row_12_the_password_of_a_server_is_in_no_output(
    run, pytester, secret_url, backend, options
):
    url = secret_url(backend)
    result = run(
        *(FAILS, f"--taskq-backend={backend}", f"--taskq-url={url}", "--junitxml=report.xml"),
        *options,
    )
    result.assert_outcomes(failed=2, warnings=1)
    result.stdout.fnmatch_lines([f"taskq: backend={backend} (*given: *:[*][*][*]@*"])
    shown = f"{result.stdout} {result.stderr} {(pytester.path / 'report.xml').read_text()}"
    assert "hun" not in shown
    assert "ter2" not in shown


@pytest.mark.parametrize("backend", ["redis", "postgres"])
def test_row_12_nor_is_a_wrong_one_in_an_error(run, secret_url, backend):
    parts = urlsplit(secret_url(backend))
    wrong = parts._replace(netloc="nobody:hunter2@").geturl()
    result = run(RUNS_ONE_JOB, f"--taskq-backend={backend}", f"--taskq-url={wrong}", "-l")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: taskq: *"])
    assert "hunter2" not in f"{result.stdout} {result.stderr}"


@pytest.mark.parametrize("backend", ["memory", "sqlite", "fakeredis"])
def test_row_12_nor_where_its_server_is_not_used(run, pytester, backend):
    url = "redis://me:hunter2@localhost,postgresql://me:hunter2@localhost/tests"
    result = run(
        *(FAILS, f"--taskq-backend={backend}", f"--taskq-url={url}", "--junitxml=report.xml"),
        *("-l", "-vv", "--full-trace"),
    )
    result.assert_outcomes(failed=2, warnings=1)
    shown = f"{result.stdout} {result.stderr} {(pytester.path / 'report.xml').read_text()}"
    assert "hunter2" not in shown
