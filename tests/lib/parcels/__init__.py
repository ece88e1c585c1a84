"""A parcel service on plain asyncio: what the stories of the asyncio document test."""
