"""Customers of a parcel service: coroutines called from a test, and what they raise."""

from unittest.mock import AsyncMock

import pytest
import pytest_asyncio

from parcels.customers import (
    DirectoryClosedError,
    LabelPrinter,
    UnknownCustomerError,
    find_customer,
)


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
    assert (await find_customer("c-7")).discount == 5


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
    customer = await find_customer(number="c-7")
    assert customer._fields == ("number", "street", "discount")
    assert None not in customer
    assert customer.number == "c-7"


@pytest.mark.asyncio
async def test_a_label_has_the_street_that_the_directory_knows():
    directory = AsyncMock()
    directory.look_up.return_value = ("Rua do Sol 3", "Faro")

    assert await LabelPrinter(directory).label("p-1", "c-7") == "p-1: Rua do Sol 3, Faro"

    directory.look_up.assert_awaited_once_with("c-7", country="PT")


@pytest.mark.asyncio
async def test_an_unknown_customer_is_an_error():
    with pytest.raises(UnknownCustomerError, match="c-999"):
        await find_customer(number="c-999")


@pytest.mark.asyncio
async def test_while_the_directory_is_closed_no_label_is_written():
    directory = AsyncMock()
    directory.look_up.side_effect = DirectoryClosedError(opens_at=8)
    printer = LabelPrinter(directory)

    with pytest.raises(DirectoryClosedError) as caught:
        await printer.label("p-1", "c-7")
    assert caught.value.opens_at == 8
