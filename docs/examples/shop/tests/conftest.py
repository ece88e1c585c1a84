"""The shop under test, and a payment provider that is down when a test says so."""

from datetime import UTC, datetime

import pytest

from shop.services import Declined, ProviderDown, Services, use


class FlakyProvider:
    """Remembers when it was asked. Answers the first times with what it was told to raise."""

    def __init__(self):
        self.troubles = []
        self.asked_at = []
        self.charged = []

    def fail(self, *, times):
        self.troubles += [ProviderDown("503 come back later")] * times

    def decline(self):
        self.troubles.append(Declined("card expired"))

    async def charge(self, order_id, cents):
        self.asked_at.append(datetime.now(UTC))
        if self.troubles:
            raise self.troubles.pop(0)
        self.charged.append((order_id, cents))


@pytest.fixture
def provider():
    return FlakyProvider()


@pytest.fixture(autouse=True)
def services(provider):
    services = Services(provider)
    use(services)
    yield services
    use(None)
