"""A time to begin at, and what the clinic has sent."""

from datetime import UTC, datetime, timedelta

import pytest

from clinic.visits import letters

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def in_a_week():
    return NOON + timedelta(days=7)


@pytest.fixture
def sent():
    letters.sent.clear()
    return letters.sent
