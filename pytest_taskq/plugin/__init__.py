"""The hooks. Wires and nothing more; loads neither asyncio nor the engine."""

from __future__ import annotations

import functools
import inspect
import sys
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import pytest

from pytest_taskq.plugin.ahead import load_ahead
from pytest_taskq.plugin.apps import empty_django_tables
from pytest_taskq.plugin.as_they_are import import_as_they_are
from pytest_taskq.plugin.backends import (
    close_run,
    describe_backends,
    hand_over,
    settle_run,
    spread,
)
from pytest_taskq.plugin.evidence import attach_evidence, gather_evidence
from pytest_taskq.plugin.fixtures import (
    ENVIRONMENT,
    docket,
    in_memory_app,
    in_memory_connector,
    performance_threshold,
    procrastinate_worker,
    procrastinate_writable_models,
    soniq_app,
    taskq,
    taskq_app,
    taskq_backend,
    taskq_clock,
    worker,
)
from pytest_taskq.plugin.marks import MARKERS
from pytest_taskq.plugin.options import add_options, read_options
from pytest_taskq.plugin.present import running
from pytest_taskq.plugin.report import (
    check_redaction,
    own_frames_hidden,
    show_passed,
    show_queues,
    shows_queues,
)
from pytest_taskq.plugin.strict import check_strictness
from pytest_taskq.plugin.substitute import (
    begin_substitutes,
    check_substitutes,
    leave,
    surround,
)
from pytest_taskq.plugin.watching import looked_after

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_taskq.testing.environment import Environment

__all__ = [
    "docket",
    "in_memory_app",
    "in_memory_connector",
    "performance_threshold",
    "procrastinate_worker",
    "procrastinate_writable_models",
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_load_initial_conftests",
    "pytest_report_header",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "pytest_terminal_summary",
    "pytest_unconfigure",
    "soniq_app",
    "taskq",
    "taskq_app",
    "taskq_backend",
    "taskq_clock",
    "worker",
]

HEADER: pytest.StashKey[str] = pytest.StashKey()
NOBODY = (
    "taskq: this test is async, and nothing has run it. It may lack its mark.\n"
    "Write `@pytest.mark.asyncio` above it, or set asyncio_mode = auto."
)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Let names of libraries mean ours, before the user's own code is imported."""
    import_as_they_are(early_config)
    begin_substitutes(early_config)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and refuse before anything runs what cannot be had."""
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    check_substitutes(config)
    if not (config.option.help or config.option.version):
        config.stash[HEADER] = describe_backends(config)
        gather_evidence(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a worker of pytest-xdist what all processes of the run share."""
    hand_over(node.config, node.workerinput)


def pytest_report_header(config: pytest.Config) -> str:
    """One line: what the tests run on."""
    options = read_options(config)
    line = f"taskq: backend={config.stash[HEADER]}, seed={options.seed}"
    names = ", ".join(options.substitutes)
    return f"{line}, substitute={names}" if names else line


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With several backends, a test runs once on each."""
    spread(metafunc)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give everything back."""
    close_run(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that is marked with a time gets it, whichever fixtures it asks for."""
    for item in items:
        if item.get_closest_marker("taskq_time") is not None:
            names: list[str] = getattr(item, "fixturenames", [])
            if "taskq_clock" not in names:
                # A list of its own: pytest's is shared by all cases of a parametrized test.
                vars(item)["fixturenames"] = ["taskq_clock", *names]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse before any test runs what could not be had before their modules could."""
    check_redaction(session.config)
    load_ahead(session)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Our fixtures ask which test it is that runs."""
    with running(item):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """An app that speaks to a substituted library is surrounded like our own fixtures."""
    surround(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """What surrounds it goes after all fixtures, whose jobs may fail too."""
    environment = item.stash.get(ENVIRONMENT, None)
    if environment is not None:
        environment.call_is_over()
    try:
        yield
    finally:
        leave(item)
    if nextitem is None:
        settle_run(item.config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Stop the workers that an async test leaves running, inside the test's own coroutine.

    Afterwards nothing may be hidden that the test has not looked at.
    """
    __tracebackhide__ = methodcaller("errisinstance", Exception)  # of a job; pytest's are not
    environment = item.stash.get(ENVIRONMENT, None)
    owner, name = _coroutine_of(item)
    watched = looked_after(item, is_async=owner is not None)
    try:
        if owner is None and environment is not None:
            with environment.unawaited.listening():
                yield
        elif owner is None or (environment is None and watched is None):
            yield
        else:
            function = ended = getattr(owner, name)
            if environment is not None:
                ended = _ending(environment, ended)
            setattr(owner, name, ended if watched is None else watched(ended))
            try:
                yield
            except pytest.fail.Exception as failure:
                if environment is not None and not environment.entered:
                    failure.msg = f"{failure.msg}\n{NOBODY}"
                raise
            finally:
                if owner is getattr(item, "instance", None):  # whose method it is, and no attribute
                    delattr(owner, name)
                else:
                    setattr(owner, name, function)
    finally:
        empty_django_tables(item)
    if environment is not None:
        check_strictness(item, environment)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows its own lines, and what happened in its queues."""
    if call.excinfo is None:
        report = yield
    else:
        with own_frames_hidden(call.excinfo):
            report = yield
    environment = item.stash.get(ENVIRONMENT, None)
    if environment is not None:
        if call.excinfo is not None and call.when == "call":
            environment.failed(call.excinfo.value)
        if shows_queues(report, item.config):
            show_queues(report, environment)
        attach_evidence(report, environment, item.config)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the run as a whole has to say."""
    show_passed(terminalreporter)


def _coroutine_of(item: pytest.Item) -> tuple[Any, str]:
    """The object and attribute that hold the coroutine function which is the test, if it is one.

    Both pytest-asyncio and anyio read it after our hook; under Hypothesis it is the inner test,
    and unittest calls the method of its case.
    """
    function = getattr(item, "obj", None)
    inner = getattr(function, "hypothesis", None)
    if inner is not None and inspect.iscoroutinefunction(inner.inner_test):
        return inner, "inner_test"
    if not inspect.iscoroutinefunction(function):
        return None, ""
    case, unittest = getattr(item, "instance", None), sys.modules.get("unittest")
    is_of_unittest = unittest is not None and isinstance(case, unittest.TestCase)
    return (case, item.name) if is_of_unittest else (item, "obj")


def _ending(environment: Environment, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def ending(*args: Any, **kwargs: Any) -> Any:
        environment.enter()
        value = None
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            environment.note()
            if environment.stuck is None or isinstance(error, KeyboardInterrupt | SystemExit):
                raise
        finally:
            await environment.end_runs()
        # Out here it has no cause to be shown, and a test that caught its own end fails too.
        if environment.stuck is not None:
            pytest.fail(environment.stuck, pytrace=False)
        return value

    return ending
