"""The system's Chromium by playwright, for tests that look at the page; they skip with a reason where it is missing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = os.environ.get("ECHODFKD_CHROMIUM") or shutil.which("chromium")
PATIENCE_MS = 240_000
"""How long a step may take before a test fails: a loaded machine is slow, not wrong."""


@contextmanager
def browser() -> Iterator[Any]:
    """A browser without a window."""
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: '.[dev]'")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS)
        try:
            yield opened
        finally:
            opened.close()


def opened(window: Any, address: str, **options: Any) -> Any:
    """A page at that address, ready, on which nothing moves unasked; `faults` lists what its scripts complain of."""
    usual = {"viewport": {"width": 1280, "height": 860}, "accept_downloads": True, "reduced_motion": "reduce"}
    context = window.new_context(**usual | options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    return page
