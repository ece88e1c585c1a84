"""Addresses that tests may use, addresses that they may not, and no password in any message."""

import contextlib
import traceback

import pytest

from pytest_taskq.core.errors import BadOption
from pytest_taskq.servers import check_url, masked

NEAR = [
    ("redis", "redis://localhost:6379/0"),
    ("redis", "redis://"),
    ("redis", "rediss://:secret@127.0.0.1/0"),
    ("redis", "redis://[::1]:6379"),
    ("redis", "unix:///run/redis/redis.sock?db=3"),
    ("redis", "redis://cache:6379"),
    ("redis", "redis://ann.local"),
    ("redis", "redis://redis-deliver:6379"),
    ("postgres", "postgresql://localhost/tests"),
    ("postgres", "postgres://me:secret@db:5432/products_test"),
    ("postgres", "postgresql://me@127.0.0.3/tests"),
    ("postgres", "postgresql:///tests?host=/run/postgresql"),
    ("postgres", "postgresql://%2Frun%2Fpostgresql/tests"),
    ("postgres", "postgresql://me@localhost:5432,db:5433/tests"),
]
FAR = [
    ("redis", "redis://cache.example.org:6379", "cache.example.org"),
    ("redis", "redis://10.0.0.7", "10.0.0.7"),
    ("redis", "redis://167772167", "167772167"),
    ("redis", "redis://0xa000007", "0xa000007"),
    ("redis", "redis://[fe80::1]", "fe80::1"),
    ("redis", "redis://cache%2Eexample%2Eorg", "cache.example.org"),
    ("redis", "redis://?host=cache.example.org", "cache.example.org"),
    ("redis", "redis://localhost.example.org", "localhost.example.org"),
    ("redis", "redis://localhost@cache.example.org", "cache.example.org"),
    ("postgres", "postgresql://localhost,db.example.org/tests", "db.example.org"),
    ("postgres", "postgresql://localhost/tests?host=db.example.org", "db.example.org"),
    ("postgres", "postgresql://localhost/tests?hostaddr=10.0.0.7", "10.0.0.7"),
]
PRODUCTION = [
    ("redis", "redis://redis-prod:6379", "redis-prod"),
    ("redis", "redis://LIVE", "LIVE"),
    ("redis", "unix:///run/redis-production/redis.sock", "/run/redis-production/redis.sock"),
    ("postgres", "postgresql://localhost/shop_production", "shop_production"),
    ("postgres", "postgresql://localhost/shop%2Dlive", "shop-live"),
    ("postgres", "postgresql://localhost/?dbname=prod", "prod"),
    ("postgres", "postgresql://primary.local/tests", "primary.local"),
]
WRONG = [
    ("redis", "postgresql://localhost/tests"),
    ("redis", "http://localhost"),
    ("redis", "localhost:6379"),
    ("redis", "redis://localhost:port"),
    ("redis", "redis://[::1"),
    ("postgres", "redis://localhost"),
    ("postgres", "postgresql+asyncpg://localhost/tests"),
    ("postgres", "host=localhost dbname=tests"),
    ("postgres", ""),
]


@pytest.mark.parametrize(("kind", "url"), NEAR)
def test_a_server_beside_us_is_fine(kind: str, url: str):
    check_url(kind, url)


@pytest.mark.parametrize(("kind", "url", "host"), FAR)
def test_a_server_elsewhere_is_refused_unless_it_is_allowed(kind: str, url: str, host: str):
    with pytest.raises(BadOption, match="--taskq-allow-remote") as caught:
        check_url(kind, url)
    assert f"{host!r} is not on this machine" in str(caught.value)
    check_url(kind, url, allow_remote=True)


@pytest.mark.parametrize(("kind", "url", "name"), PRODUCTION)
def test_what_smells_of_production_is_refused_unless_it_is_allowed(kind: str, url: str, name: str):
    with pytest.raises(BadOption, match="--taskq-allow-remote") as caught:
        check_url(kind, url)
    assert f"{name!r} sounds as if it were" in str(caught.value)
    check_url(kind, url, allow_remote=True)


@pytest.mark.parametrize(
    "url",
    [
        *("postgresql:///tests", "postgresql://me@/tests", "postgresql://me@localhost"),
        *("postgresql://localhost/", "postgresql://localhost/?dbname="),
        "postgresql://localhost?service=shop",
    ],
)
def test_postgres_must_name_host_and_database_because_the_environment_could(url: str):
    with pytest.raises(BadOption, match="must name its host and its database"):
        check_url("postgres", url)
    check_url("postgres", url, allow_remote=True)


@pytest.mark.parametrize(("kind", "url"), WRONG)
@pytest.mark.parametrize("allow_remote", [False, True])
def test_a_wrong_address_is_refused_in_any_case(kind: str, url: str, allow_remote: bool):
    with pytest.raises(BadOption, match="Write for instance"):
        check_url(kind, url, allow_remote)


SECRET = [
    "redis://me:{}@localhost:6379/0",
    "redis://:{}@localhost",
    "redis://localhost?password={}",
    "redis://localhost?db=1&Password={}&x=1",
    "postgresql://localhost/tests?%70assword={}",
    "postgresql://localhost/tests?sslmode=off&sslpassword={}",
    "host=localhost password={} dbname=tests",
    "host=localhost password = '{}' dbname=tests",
    "me:{}@localhost",
]
PASSWORDS = ["hunter2", "hun%40ter2", "hun@ter2", "hun/ter2", "hun?ter2", "hun#ter2", "hun:ter2"]


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_is_never_shown(text: str, password: str):
    shown = masked(text.format(password))
    assert "hun" not in shown
    assert "ter2" not in shown
    assert "***" in shown


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_nor_is_it_in_an_error(kind: str, text: str, password: str):
    shown = ""
    with contextlib.suppress(BadOption):
        try:
            check_url(kind, text.format(password))
        except BadOption as error:
            shown = "".join(traceback.format_exception(error))
            raise
    assert "hun" not in shown
    assert "ter2" not in shown


def test_the_rest_of_an_address_is_shown():
    assert masked("redis://localhost:6379/0") == "redis://localhost:6379/0"
    assert masked("redis://me:pw@localhost:6379/0?db=1") == "redis://me:***@localhost:6379/0?db=1"
    assert masked("postgresql://me@db/tests") == "postgresql://me@db/tests"
    assert masked("unix:///run/redis.sock?password=pw&db=1") == (
        "unix:///run/redis.sock?password=***&db=1"
    )
