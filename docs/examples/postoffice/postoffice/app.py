"""The counter: parcels are handed in, looked up and called back over HTTP."""

from datetime import UTC, datetime

from docket import Docket
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

from postoffice.depot import Parcel, the_depot
from postoffice.tasks import deliver, delivery_key

app = FastAPI()


class HandedIn(BaseModel):
    sender: str
    receiver: str
    not_before: datetime | None = None


def docket_of(request: Request) -> Docket:
    docket: Docket = request.app.state.docket
    return docket


@app.post("/parcels", status_code=202)
async def hand_in(parcel: HandedIn, request: Request) -> dict[str, int]:
    depot = the_depot()
    number = len(depot.parcels) + 1
    depot.parcels[number] = Parcel(parcel.sender, parcel.receiver)
    when = parcel.not_before or datetime.now(UTC)
    await docket_of(request).add(deliver, when=when, key=delivery_key(number))(number)
    return {"number": number}


@app.get("/parcels/{number}")
async def look_up(number: int, request: Request) -> dict[str, str | None]:
    parcel = the_depot().parcels.get(number)
    if parcel is None:
        raise HTTPException(404)
    execution = await docket_of(request).get_execution(delivery_key(number))
    delivery = execution.state.value if execution is not None else None
    return {"status": parcel.status.value, "delivery": delivery}


@app.delete("/parcels/{number}", status_code=204)
async def call_back(number: int, request: Request) -> None:
    await docket_of(request).cancel(delivery_key(number))
