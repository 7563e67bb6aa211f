"""Which layout a folder is in."""

from pathlib import Path

from echodfkd import tables
from echodfkd.data.camus import Camus
from echodfkd.data.dataset import Dataset
from echodfkd.data.echonet import EchoNet
from echodfkd.data.films import LIST, MORE, NEEDED, TRACINGS
from echodfkd.data.folders import Folder, Stored
from echodfkd.data.pediatric import Pediatric
from echodfkd.errors import InputError
from echodfkd.store.place import Place, place_of
from echodfkd.video.dicom.folder import files_below

LAYOUTS: dict[str, tuple[type[Dataset], str]] = {
    "Stored": (Stored, "a store of clips"),
    "EchoNet": (EchoNet, "a data set in EchoNet-Dynamic's layout"),
    "Pediatric": (Pediatric, "a data set in EchoNet-Pediatric's layout"),
    "Camus": (Camus, "a data set in CAMUS's layout"),
    "Folder": (Folder, "films in a folder"),
}
"""Every layout by the word that is written to disk: the class that reads it, and what it is."""


def layout_of(dataset: Dataset) -> str:
    """The word of LAYOUTS for a data set."""
    return next(word for word, (reader, _) in LAYOUTS.items() if type(dataset) is reader)


def open_dataset(given: Place | Path | str) -> Dataset:
    """The data set in a folder, whatever its layout, or a store anywhere; InputError where it is none of these."""
    folder = place_of(given).path
    if folder is None:
        return Stored(given)
    if not folder.is_dir():
        raise InputError(f"No such folder: {folder}")
    if (folder / "index.json").is_file():
        return Stored(folder)
    for place in (folder, folder / "A4C"):
        if (place / LIST).is_file():
            return Pediatric(place) if _is_pediatric(place) else EchoNet(place)
    if _has_patients(folder):
        return Camus(folder)
    try:
        return Folder(folder)
    except InputError:
        raise InputError(
            f"{folder} is no data set: expected a store (index.json), the layout of EchoNet-Dynamic, -Synthetic or "
            "-Pediatric (FileList.csv), of CAMUS (patient folders), or films, pictures and DICOM clips."
        ) from None


def _has_patients(folder: Path) -> bool:
    """Whether there are CAMUS's folders of patients, and not a hospital's, which hold DICOM."""
    first = next(iter(sorted(folder.glob("patient*/"))), None)
    return (folder / "database_nifti").is_dir() or (first is not None and not any(files_below(first)))


def _is_pediatric(folder: Path) -> bool:
    """Whether the tables are EchoNet-Pediatric's: outlines by points, or patients and folds instead of films."""
    listed = tables.header(folder / LIST, NEEDED, MORE)
    pointwise = {"X", "Y"} <= set(tables.header(folder / TRACINGS, ("FileName", "Frame"), ("X", "Y")))
    return pointwise or ("FPS" not in listed and {"Age", "Weight"} <= set(listed))
