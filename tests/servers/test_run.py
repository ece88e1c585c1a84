"""One server of each kind for a run, for as long as its owner lives, and nothing after that."""

import os
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_taskq.core.errors import StoreUnavailable
from pytest_taskq.servers import Found, RunServers
from support.servers import (
    ask_redis,
    connect,
    guards,
    processes,
    program,
    python,
    wait_for,
    wait_for_end,
    wait_until_gone,
)

OWNER = "run = RunServers.make(); print(run.folder); print(run.url(find('redis')))\n"
JOINED = "run = RunServers.join(sys.argv[1]); print('here'); input(); "


def test_a_run_without_servers_starts_nothing(servers: RunServers):
    assert [path.name for path in Path(servers.folder).iterdir()] == ["owner"]
    assert processes(servers.folder) == {}


def test_the_server_is_there_when_its_address_is(servers: RunServers, redis: Found):
    assert ask_redis(servers.url(redis), "PING") == b"+PONG\r\n"


def test_there_is_one_however_often_it_is_asked_for(servers: RunServers, redis: Found):
    urls = [servers.url(redis), servers.url(redis), RunServers.join(servers.folder).url(redis)]
    assert len(set(urls)) == 1
    assert len(guards(servers.folder)) == 1


def test_nobody_but_this_user_can_reach_it(servers: RunServers, redis: Found):
    servers.url(redis)
    assert Path(servers.folder).stat().st_mode & 0o077 == 0
    assert ask_redis(servers.url(redis), "CONFIG", "GET", "port").endswith(b"$1\r\n0\r\n")


def test_several_processes_at_once_get_the_same_server(servers: RunServers, redis: Found):
    ask = f"{JOINED} print(run.url(Found(*sys.argv[2:])))"
    with (
        python(ask, servers.folder, *redis) as one,
        python(ask, servers.folder, *redis) as two,
        python(ask, servers.folder, *redis) as three,
    ):
        together = (one, two, three)
        assert [each.stdout.readline() for each in together] == ["here\n"] * 3
        for each in together:
            print(file=each.stdin)
        urls = {each.stdout.readline().strip() for each in together}
        assert [each.wait() for each in together] == [0, 0, 0]
    assert urls == {servers.url(redis)}
    assert len(guards(servers.folder)) == 1
    assert ask_redis(servers.url(redis), "PING") == b"+PONG\r\n"


def test_threads_get_the_same_server(servers: RunServers, redis: Found):
    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(servers.url, [redis] * 6))) == 1
    assert len(guards(servers.folder)) == 1


def test_closing_ends_the_server_and_leaves_nothing(redis: Found):
    run = RunServers.make()
    with connect(run.url(redis)) as line:
        RunServers.join(run.folder).close()
        assert ask_redis(run.url(redis), "PING") == b"+PONG\r\n"
        run.close()
        wait_for_end(line)
    assert not Path(run.folder).exists()
    wait_until_gone(run.folder)
    run.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_its_owner(number: signal.Signals):
    with python(OWNER + "input()") as owner:
        folder, url = owner.stdout.readline().strip(), owner.stdout.readline().strip()
        with connect(url) as line:
            owner.send_signal(number)
            assert owner.wait() == -number
            wait_for_end(line)
    wait_until_gone(folder)


def test_the_owner_may_end_without_closing():
    with python(OWNER) as owner:
        folder = owner.stdout.readline().strip()
        assert owner.wait() == 0
    wait_until_gone(folder)


def test_ctrl_c_leaves_the_server_until_the_owner_has_ended():
    waiting = "try: print('waiting'); input()\nexcept KeyboardInterrupt: print('over')\ninput()"
    with python(OWNER + waiting, start_new_session=True) as owner:
        folder, url = owner.stdout.readline().strip(), owner.stdout.readline().strip()
        assert owner.stdout.readline() == "waiting\n"
        assert len(processes(folder)) == 2
        assert all(os.getpgid(pid) != owner.pid for pid in processes(folder))
        os.killpg(owner.pid, signal.SIGINT)
        assert owner.stdout.readline() == "over\n"
        assert ask_redis(url, "PING") == b"+PONG\r\n"
        print(file=owner.stdin)
        owner.wait()
    wait_until_gone(folder)


def test_no_child_of_the_owner_keeps_the_server():
    """Neither one that is forked, nor one that is started with all that is open."""
    children = (
        "import subprocess\n"
        "subprocess.Popen(['sleep', '600'], close_fds=False, stdin=0)\n"
        "os.fork() or (os.write(1, b'forked\\n'), os.read(0, 1))\n"
        "os.read(0, 1)"
    )
    with python(OWNER + children, start_new_session=True) as owner:
        folder = owner.stdout.readline().strip()
        url = owner.stdout.readline().strip()
        assert owner.stdout.readline() == "forked\n"
        with connect(url) as line:
            owner.kill()
            owner.wait()
            wait_for_end(line)
        wait_until_gone(folder)
        os.killpg(owner.pid, signal.SIGKILL)  # raises if nobody had been left


def test_a_starter_that_is_killed_leaves_the_start_to_its_guard(
    servers: RunServers, redis: Found, tmp_path: Path
):
    started, go = tmp_path / "started", tmp_path / "go"
    os.mkfifo(started)
    os.mkfifo(go)
    slow = program(
        tmp_path / "server", f'echo >{started}; read line <{go}; exec {redis.server} "$@"'
    )
    found = redis._replace(server=str(slow))
    with python(JOINED + "run.url(Found(*sys.argv[2:]))", servers.folder, *found) as starter:
        print(file=starter.stdin)
        started.read_text()
        starter.kill()
    with ThreadPoolExecutor(1) as pool:
        url = pool.submit(servers.url, found)
        go.write_text("go\n")
        assert ask_redis(url.result(), "PING") == b"+PONG\r\n"
    assert len(guards(servers.folder)) == 1


def test_a_server_that_does_not_start_is_told_with_its_last_words(
    servers: RunServers, redis: Found, tmp_path: Path
):
    bad = program(tmp_path / "server", f"echo start >>{tmp_path}/starts; echo no luck >&2; exit 3")
    for run in (servers, RunServers.join(servers.folder)):
        with pytest.raises(StoreUnavailable) as caught:
            run.url(redis._replace(server=str(bad)))
        assert "did not start. It ended with status 3" in str(caught.value)
        assert "no luck" in str(caught.value)
        assert "--taskq-url=URL" in str(caught.value)
    assert (tmp_path / "starts").read_text() == "start\n"
    assert not Path(servers.folder, "redis").exists()


def test_a_server_that_cannot_be_executed_is_told(servers: RunServers, redis: Found):
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        servers.url(redis._replace(server="/nowhere/redis-server"))


def test_a_server_that_dies_during_the_run_stays_dead(servers: RunServers, redis: Found):
    with connect(servers.url(redis)) as line:
        (server,) = processes(servers.folder).keys() - guards(servers.folder)
        os.kill(server, signal.SIGKILL)
        wait_for_end(line)
    wait_for(Path(servers.folder, "redis.died").exists, "its guard said nothing")
    for run in (servers, RunServers.join(servers.folder)):
        with pytest.raises(StoreUnavailable, match="has ended before its run") as caught:
            run.url(redis)
        assert "It was ended by SIGKILL" in str(caught.value)
    assert not Path(servers.folder, "redis").exists()


def test_nothing_is_left_of_a_server_that_died_either():
    with python(OWNER + "input()") as owner:
        folder, url = owner.stdout.readline().strip(), owner.stdout.readline().strip()
        ask_redis(url, "SHUTDOWN", "NOSAVE")
        wait_for(Path(folder, "redis.died").exists, "its guard said nothing")
        owner.kill()
        owner.wait()
    wait_until_gone(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of that")
def test_a_server_does_not_outlive_a_guard_that_is_killed(servers: RunServers, redis: Found):
    url = servers.url(redis)
    with connect(url) as line:
        (guard,) = guards(servers.folder)
        os.kill(guard, signal.SIGKILL)
        wait_for_end(line)


def test_after_the_run_there_is_no_server():
    run = RunServers.make()
    worker = RunServers.join(run.folder)
    run.close()
    with pytest.raises(StoreUnavailable, match="Ask for a server while the run lasts"):
        worker.url(Found("redis", "redis-server", "7", "PATH"))


def test_a_guard_that_finds_no_owner_leaves_nothing(redis: Found):
    with python("run = RunServers.make(); print(run.folder)") as owner:
        folder = owner.stdout.readline().strip()
        owner.wait()
    with pytest.raises(StoreUnavailable, match="no private servers any more"):
        RunServers.join(folder).url(redis)
    wait_until_gone(folder)


def test_a_long_temporary_folder_is_no_obstacle(
    tmp_path: Path, redis: Found, monkeypatch: pytest.MonkeyPatch
):
    long = tmp_path / ("long" * 20)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    run = RunServers.make()
    try:
        assert ask_redis(run.url(redis), "PING") == b"+PONG\r\n"
    finally:
        run.close()
