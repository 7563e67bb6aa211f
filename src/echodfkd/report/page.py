"""One self-contained HTML page: text, tables, pictures and a clip in a single file that needs no network."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from echodfkd.files import write_text

ONE_LINE = 28
"""Characters of a table's cell that are kept on one line."""


@dataclass(frozen=True)
class Tile:
    """One headline number: what it is, the number as text, and what it must be read with (interval, n, baseline)."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts; the first column names the rows. Rows listed in `own` are set off as this run's."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    own: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A PNG, the words for those who cannot see it, and a caption."""

    png: bytes
    alt: str
    caption: str = ""
    width: int | None = None  # CSS pixels; None: as many as the picture has


@dataclass(frozen=True)
class Section:
    """A heading with text, warning, points, tables, pictures and name-value pairs, in this order; all optional."""

    title: str
    text: tuple[str, ...] = ()
    warning: str = ""
    points: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    pairs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Loop:
    """An H.264 MP4 that plays in a loop, the words for those who cannot see it, and a PNG for paper."""

    mp4: bytes
    alt: str
    caption: str = ""
    poster: bytes | None = None


@dataclass(frozen=True)
class Page:
    """What `write_page` writes: title, lead, clip and headline tiles on top, then the sections.

    A `sheet` is printed on one page, as far as what is in it allows.
    """

    title: str
    lead: str
    loop: Loop | None = None
    tiles: tuple[Tile, ...] = ()
    sections: tuple[Section, ...] = ()
    sheet: bool = False


def write_page(path: Path, page: Page) -> None:
    """The page as one HTML file, all or nothing. Every text is escaped; pictures and clip are inside as base64."""
    write_text(path, page_html(page))


def page_html(page: Page) -> str:
    """The page as HTML text that refers to nothing outside itself."""
    return rendered("page.html", page=page, data=_data, one_line=ONE_LINE)


def rendered(template: str, **values: Any) -> str:
    """A template that lies beside this file, filled in; in HTML every text is escaped."""
    house = Environment(
        loader=PackageLoader("echodfkd.report", ""),
        autoescape=select_autoescape(("html",)),
        keep_trailing_newline=True,
        trim_blocks=not template.endswith("html"),
    )
    return house.get_template(template).render(**values)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"
