"""A shop over the bare engine, whose gateway may refuse."""

from datetime import UTC, datetime, timedelta

from pytest_taskq.core.retry import fixed
from support.engine_app import EngineApp

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class GatewayDown(Exception):
    pass


def make_shop():
    """The shop at noon; ``broken`` is how often the gateway is going to refuse."""
    app = EngineApp(start=NOON)
    app.broken = 0

    @app.task(retry=fixed(attempts=3, delay=timedelta(seconds=10)))
    async def charge(cart, token="t"):
        if app.broken:
            app.broken -= 1
            raise GatewayDown(f"refused for {cart} with {token}")
        await app.add("receipt", cart)

    @app.task
    async def receipt(cart): ...

    return app
