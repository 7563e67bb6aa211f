"""One self-contained HTML page: text, tables, pictures and a film in a single file that needs no network."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

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
class Film:
    """An H.264 MP4 that plays in a loop, the words for those who cannot see it, and a PNG for paper."""

    mp4: bytes
    alt: str
    caption: str = ""
    poster: bytes | None = None


@dataclass(frozen=True)
class Page:
    """What `write_page` writes: title, lead, film and headline tiles on top, then the sections."""

    title: str
    lead: str
    film: Film | None = None
    tiles: tuple[Tile, ...] = ()
    sections: tuple[Section, ...] = ()


def write_page(path: Path, page: Page) -> None:
    """The page as one HTML file, all or nothing. Every text is escaped; pictures and film are inside as base64."""
    write_text(path, page_html(page))


def page_html(page: Page) -> str:
    """The page as HTML text that refers to nothing outside itself."""
    template = Template(files("echodfkd.report").joinpath("page.html").read_text(encoding="utf-8"))
    sections = "\n".join(_section(section) for section in page.sections)
    return template.substitute(title=escape(page.title), lead=escape(page.lead), hero=_hero(page), sections=sections)


def _hero(page: Page) -> str:
    tiles = "".join(_tile(tile) for tile in page.tiles)
    kind = "hero" if page.film else "hero still"
    return f'<div class="{kind}">{_film(page.film) if page.film else ""}<div class="tiles">{tiles}</div></div>'


def _tile(tile: Tile) -> str:
    note = f'<div class="note">{escape(tile.note)}</div>' if tile.note else ""
    label, value = escape(tile.label), escape(tile.value)
    return f'<div class="tile"><div class="label">{label}</div><div class="value">{value}</div>{note}</div>'


def _film(film: Film) -> str:
    alt, still = escape(film.alt, quote=True), ""
    poster = f' poster="{_data("image/png", film.poster)}"' if film.poster else ""
    if film.poster:
        still = f'<img class="poster" src="{_data("image/png", film.poster)}" alt="{alt}">'
    video = (
        f'<video autoplay loop muted playsinline controls aria-label="{alt}"{poster}>'
        f'<source src="{_data("video/mp4", film.mp4)}" type="video/mp4">{alt}</video>'
    )
    return f"<figure>{video}{still}{_caption(film.caption)}</figure>"


def _section(section: Section) -> str:
    pictures = "".join(map(_picture, section.pictures))
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in section.pairs.items())
    parts = [
        f"<h2>{escape(section.title)}</h2>",
        *(f"<p>{escape(text)}</p>" for text in section.text),
        f'<p class="warning">{escape(section.warning)}</p>' if section.warning else "",
        f"<ul>{''.join(f'<li>{escape(point)}</li>' for point in section.points)}</ul>" if section.points else "",
        *map(_table, section.tables),
        f'<div class="figures">{pictures}</div>' if pictures else "",
        f"<dl>{pairs}</dl>" if pairs else "",
    ]
    return "<section>" + "\n".join(part for part in parts if part) + "</section>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    body = "".join(_row(row, number in table.own) for number, row in enumerate(table.rows))
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    caption = f"<caption>{escape(table.caption)}</caption>"
    return (
        f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}</div>'
    )


def _row(cells: Sequence[str], own: bool) -> str:
    kind = ' class="own"' if own else ""
    return f"<tr{kind}>{''.join(map(_cell, cells))}</tr>"


def _cell(text: str) -> str:
    """Numbers with their intervals stay on one line; what is longer is words and may break."""
    kind = ' class="long"' if len(text) > ONE_LINE else ""
    return f"<td{kind}>{escape(text)}</td>"


def _picture(picture: Picture) -> str:
    width = f' width="{picture.width}"' if picture.width else ""
    image = f'<img src="{_data("image/png", picture.png)}" alt="{escape(picture.alt, quote=True)}"{width}>'
    return f"<figure>{image}{_caption(picture.caption)}</figure>"


def _caption(text: str) -> str:
    return f"<figcaption>{escape(text)}</figcaption>" if text else ""


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"
