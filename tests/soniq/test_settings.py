"""Where the settings of an app come from, and which values they may have."""

import re

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.soniq import make_app
from pytest_taskq.soniq.settings import SoniqSettings

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


async def test_a_variable_stands_for_a_setting_that_was_not_given(monkeypatch):
    monkeypatch.setenv("SONIQ_RESULT_TTL", "7")
    monkeypatch.setenv("SONIQ_ROUTE_MAP", '{"mail.": "slow"}')
    monkeypatch.setenv("SONIQ_QUEUES", "a, b")
    monkeypatch.setenv("SONIQ_DEBUG", "yes")
    settings = make_app().settings
    assert (settings.result_ttl, settings.queues, settings.debug) == (7, ["a", "b"], True)
    assert settings.route_map == {"mail.": "slow"}
    assert make_app(result_ttl=9).settings.result_ttl == 9


async def test_the_file_beside_the_program_comes_after_the_variables(monkeypatch, tmp_path):
    lines = '# SONIQ_PRIORITY=1\nexport SONIQ_JOB_TIMEOUT=0\nSONIQ_PRODUCER_ID="ann"\nOTHER=1\n'
    (tmp_path / ".env").write_text(lines)
    monkeypatch.setenv("SONIQ_PRODUCER_ID", "bob")
    settings = make_app().settings
    assert (settings.priority, settings.job_timeout, settings.producer_id) == (100, None, "bob")


async def test_a_variable_that_means_nothing_is_named(monkeypatch):
    monkeypatch.setenv("SONIQ_CONCURRENCY", "many")
    with pytest.raises(BadOption, match=r"concurrency .* 'many'.* SONIQ_CONCURRENCY"):
        make_app()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup_interval", 9), ("concurrency", 101), ("concurrency", 1.5), ("log_level", "LOUD"),
        ("heartbeat_timeout", 59), ("poll_interval", 0), ("priority", 0), ("priority", 1001),
        ("pool_max_size", "x"), ("task_name_pattern", "("), ("job_timeout", True),
    ],
)  # fmt: skip
async def test_a_setting_out_of_its_bounds_is_refused(name, value):
    with pytest.raises(BadOption, match=re.escape(f"It is {value!r}")):
        SoniqSettings(**{name: value})


async def test_none_is_no_limit():
    settings = SoniqSettings(job_timeout=None, sync_handler_grace_seconds=None)
    assert settings.job_timeout is None


async def test_a_setting_may_be_changed_while_the_app_is_in_use(soniq_app):
    @soniq_app.job(name="slow", max_retries=0)
    async def slow():
        return 1

    first = await soniq_app.enqueue("slow")
    soniq_app.settings.result_ttl = 0
    await soniq_app.run_worker(run_once=True)
    assert await soniq_app.get_job(first) is None
