"""The verb `models`: bundled and known models, their cards, and published weights that may not be shipped."""

from dataclasses import dataclass
from pathlib import Path

from echodfkd.files import sha256
from echodfkd.report.model_card import listing, model_card
from echodfkd.teachers.fetch import PUBLISHED
from echodfkd.teachers.fetch import fetch as fetch_weights


@dataclass(frozen=True)
class Fetched:
    """Weights that were downloaded: where they lie, their checksum, what they are."""

    path: Path
    checksum: str
    about: str


def show(name: str | None = None) -> str:
    """The card of the model of that name or in that folder; without one the list of all, in words."""
    return listing() if name is None else model_card(name)


def fetch(name: str, to: Path | None = None, url: str | None = None) -> Fetched:
    """Published weights in the folder `to` (None: your data folder); a download that was stopped continues."""
    path = fetch_weights(name, to, url)
    return Fetched(path, sha256(path), PUBLISHED[name].about)
