"""The settings of the project: in production a PostgreSQL, whose address is in the environment."""

import os
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = "only for the tests of an example"  # noqa: S105
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["procrastinate.contrib.django", "clinic.visits"]

url = urlsplit(os.environ.get("CLINIC_DATABASE", ""))
if url.scheme:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.strip("/"),
            "USER": url.username or "",
            "PASSWORD": url.password or "",
            "HOST": url.hostname or parse_qs(url.query).get("host", [""])[0],
            "PORT": url.port or "",
        }
    }
else:
    # Unit tests need no PostgreSQL: no job of theirs comes near a database.
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    MIGRATION_MODULES = {"procrastinate": None}
