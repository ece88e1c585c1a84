"""The scripts of the Redis store, as servers get them."""

from __future__ import annotations

from hashlib import sha1
from importlib import resources
from typing import NamedTuple

__all__ = ["CHANGE", "FIND", "KEPT", "Script"]


class Script(NamedTuple):
    """Lua, and the name that a server gives it."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> Script:
        """A script with this text."""
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _kept(script: Script) -> Script:
    name = f"redis.taskq_{script.sha}"
    return Script.of(f"{name} = {name} or loadstring([==[{script.text}]==])\nreturn {name}()")


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


CHANGE = Script.of(_read("_redis.lua") + _read("_redis_change.lua"))
FIND = Script.of(_read("_redis.lua") + _read("_redis_find.lua"))

KEPT = {script: _kept(script) for script in (CHANGE, FIND)}
"""The same for a fake server, which would compile a script anew at each call."""
