"""Customers of a parcel service: coroutines called from a test, and what they raise."""

from unittest.mock import AsyncMock, Mock

import pytest
import pytest_asyncio

from parcels.customers import CustomerDesk, DeskError, UnknownCustomerError, fetch_customer


class Line:
    """A connection that has to be opened and closed."""

    def __init__(self):
        self.is_open = False

    async def connect(self):
        self.is_open = True

    async def disconnect(self):
        self.is_open = False


lines = []


@pytest_asyncio.fixture
async def line():
    connection = Line()
    lines.append(connection)
    await connection.connect()
    yield connection
    await connection.disconnect()


@pytest.mark.asyncio
async def test_a_coroutine_is_simply_awaited():
    assert (await fetch_customer("c-7"))["id"] == "c-7"


@pytest.mark.asyncio
@pytest.mark.parametrize("turn", [1, 2])
async def test_an_async_fixture_opens_before_and_closes_after(line, turn):
    assert line.is_open
    assert not any(before.is_open for before in lines if before is not line)


@pytest.mark.slow
def test_in_auto_mode_neither_tests_nor_fixtures_need_a_mark(pytester):
    pytester.makeini("""
        [pytest]
        asyncio_mode = auto
        asyncio_default_fixture_loop_scope = function
        markers = depot: a test of the depot
    """)
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        async def parcel():
            yield "p-1"

        @pytest.mark.depot
        async def test_weigh(parcel):
            assert parcel == "p-1"
    """)
    pytester.runpytest("-m", "depot").assert_outcomes(passed=1)


@pytest.mark.asyncio
async def test_a_customer_has_all_that_is_needed():
    customer = await fetch_customer(number="c-7")
    assert customer["id"] == "c-7"
    assert "email" in customer
    assert "rating" in customer


@pytest.mark.asyncio
async def test_the_desk_asks_its_client():
    client = AsyncMock()
    client.get.return_value = {"id": "c-7", "email": "ines@example.org"}

    customer = await CustomerDesk(client).fetch_customer("c-7")

    assert customer["id"] == "c-7"
    client.get.assert_called_once_with("/customers/c-7")


@pytest.mark.asyncio
async def test_an_unknown_customer_is_an_error():
    with pytest.raises(UnknownCustomerError, match="c-999"):
        await fetch_customer(number="c-999")


@pytest.mark.asyncio
async def test_an_error_of_the_client_reaches_the_caller():
    client = AsyncMock()
    client.get.side_effect = DeskError("no such customer", response=Mock(status=404))

    with pytest.raises(DeskError) as caught:
        await CustomerDesk(client).fetch_customer("c-7")
    assert caught.value.status == 404
