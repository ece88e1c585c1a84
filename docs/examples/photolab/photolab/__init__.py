"""A photo lab: films come in by mail and are developed, a few at a time. Plain asyncio."""
