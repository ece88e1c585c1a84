"""A real browser, where the machine has one: the page as it is once its script has run."""

import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)


def rendered(page: str, folder: Path, script: str = "") -> str:
    """The page as text after its own script and ``script``; fails when one of them raised."""
    path = folder / "page.html"
    watch = "<script>onerror = text => { document.title = 'broken: ' + text };</script>"
    page = page.replace("<head>", f"<head>{watch}", 1)
    path.write_text(page.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'me'}",
    ]
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "<title>broken" not in done.stdout, done.stdout
    return done.stdout
