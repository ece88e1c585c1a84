"""Nothing in the package can empty a database that is not its own."""

import re

import pytest

from support.source import PACKAGE, Source, python_files

# The classes in square brackets keep this pattern from finding itself.
SWEEPING = re.compile(
    r"FLUSH(DB|ALL)|DROP[\s]+DATABASE|\bKEYS[\s]+\*|['\"]KEYS['\"]\s*,\s*['\"]\*|\.flush(db|all)\(",
    re.IGNORECASE,
)


def sweeping(source: Source) -> list[str]:
    """Offenders, also where a command is spread over lines."""
    return [
        source.at(source.text.count("\n", 0, found.start()) + 1, found.group())
        for found in SWEEPING.finditer(source.text)
    ]


def test_no_command_reaches_beyond_our_own_names():
    found = [line for source in python_files(PACKAGE) for line in sweeping(source)]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    "text",
    [
        "await redis.flush" + "db()",
        "execute('FLUSH" + "ALL')",
        "sql = 'drop\n" + "database x'",
        "redis.call('KEYS', " + "'*')",
        '"KEYS ' + '*"',
    ],
)
def test_a_command_that_does_is_found(text: str):
    assert sweeping(Source(f"{PACKAGE}/stores/redis.py", text))


@pytest.mark.parametrize("text", ["KEYS[1]", "flush()", "DROP SCHEMA"])
def test_other_commands_are_not(text: str):
    assert sweeping(Source(f"{PACKAGE}/stores/redis.py", text)) == []
