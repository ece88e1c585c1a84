"""Where parcels are kept, and who carries them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    RETURNED = "returned"


class NobodyHome(Exception):
    """The carrier rang, and nobody opened."""


@dataclass
class Parcel:
    sender: str
    receiver: str
    status: Status = Status.ACCEPTED


class Carrier:
    """Rings at doors. Tests let nobody be at home."""

    def __init__(self) -> None:
        self.absent: dict[str, int] = {}
        self.rang: list[str] = []

    async def ring(self, receiver: str) -> None:
        self.rang.append(receiver)
        if self.absent.get(receiver, 0) > 0:
            self.absent[receiver] -= 1
            raise NobodyHome(receiver)


@dataclass
class Depot:
    parcels: dict[int, Parcel] = field(default_factory=dict)
    carrier: Carrier = field(default_factory=Carrier)
    letters: list[tuple[str, str]] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)


_depot = Depot()


def the_depot() -> Depot:
    """The one depot of this process."""
    return _depot


def open_depot() -> Depot:
    """Begin with an empty one."""
    global _depot  # noqa: PLW0603 - the process has one
    _depot = Depot()
    return _depot
