"""`make pictures`: the pictures of README and docs, taken from the demo at the end of its day.

The demo runs in a folder of its own and is over afterwards. What moves by itself there makes the
figures differ a little each time.
"""

import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from tests.support import programs
from tests.support.browser import FLAGS, SIZES, log_in
from tests.support.demo import Demo, demo

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "img"
PACE = "4"
DAY_SECONDS = 400

Scheme = Literal["light", "dark"]
Picture = tuple[str, Scheme, str, str]
PICTURES: tuple[Picture, ...] = (
    ("/queue/", "light", "wide", "queue"),
    ("/", "dark", "wide", "dashboard"),
    ("/orders/1/", "dark", "wide", "order"),
    ("/positions/", "light", "wide", "positions"),
    ("/analytics/", "light", "wide", "analytics"),
    ("/risk/", "dark", "wide", "risk"),
    ("/settings/message/", "light", "wide", "message"),
    ("/queue/", "dark", "phone", "queue-phone"),
)


def take(picture: Picture, browser: Browser, running: Demo, folder: Path) -> Path:
    """One page, as high as the window. Returns the file."""
    path, scheme, size, name = picture
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=running.server.base_url,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale="en-IN",
        timezone_id="Asia/Kolkata",
        reduced_motion="reduce",
    )
    page = context.new_page()
    log_in(page, running.server)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    file = folder / f"{name}.png"
    page.screenshot(path=file)
    context.close()
    return file


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="sigmatrader-") as folder,
        demo(Path(folder) / "demo", "--headless-login", "--pace", PACE) as running,
        sync_playwright() as playwright,
    ):
        running.wait_until_told("That was the day", DAY_SECONDS)
        browser = playwright.chromium.launch(
            executable_path=programs.find_chromium(), args=list(FLAGS)
        )
        for picture in PICTURES:
            take(picture, browser, running, FOLDER)
        browser.close()
    print(f"{len(PICTURES)} pictures are in {FOLDER}.")


if __name__ == "__main__":
    main()
