"""Real pytest runs, each in a process of its own."""

import pytest


@pytest.fixture
def run(pytester):
    """Run pytest in a process of its own on the given test module; hands out the result."""

    def run(text, *options, ini=""):
        pytester.makeini(
            "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
            + ini
        )
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:randomly", *options, timeout=60
        )

    return run


@pytest.fixture
def run_files(pytester):
    """Run pytest in a process of its own; hands out the result."""

    def run(*options, **files):
        pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        if files:
            pytester.makepyfile(**files)
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:randomly", *options, timeout=60
        )

    return run
