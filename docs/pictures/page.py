"""The pictures of the page, drawn anew: a drawn heart in Chromium, on a desk and on a phone.

python docs/pictures/page.py FOLDER     writes page.png and page-phone.png
"""

import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from echodfkd.web.serve import serve
from echodfkd.web.settings import Dials

HEART = {"ef": "60", "hr": "75", "quality": "90", "seed": "10"}


def drawn(page: Page, address: str) -> None:
    """Has the page draw a heart, and rests on its first ED."""
    page.set_default_timeout(600_000)
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.click("#draw")
    for name, value in HEART.items():
        page.evaluate("([name, value]) => { document.getElementById(name).value = value; }", [name, value])
    page.click("#heart-form button.main")
    page.wait_for_selector("#panel .verdict")
    for key in ("Home", "."):
        page.keyboard.press(key)
    page.wait_for_timeout(500)


def main() -> None:
    """Both pictures."""
    folder, told = Path(sys.argv[1]), list[str]()
    there = threading.Event()

    def tell(address: str) -> None:
        told.append(address)
        there.set()

    threading.Thread(target=serve, args=(Dials(port=0, models=("b4", "b3"), workers=1), tell), daemon=True).start()
    there.wait()
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, width, height in (("page.png", 1280, 800), ("page-phone.png", 390, 844)):
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="dark")
            drawn(page, told[0])
            page.screenshot(path=folder / name)
        browser.close()


if __name__ == "__main__":
    main()
