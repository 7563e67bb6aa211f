"""Which clips of a data set a study takes, as a value."""

from dataclasses import dataclass
from pathlib import Path

from echodfkd.data.findings import check_reasons
from echodfkd.errors import InputError, StudyError


@dataclass(frozen=True)
class Data:
    """Clips of one data set to be taught on, beside drawn ones or in their place. Its labels are not looked at."""

    path: Path
    """Its folder, in any layout that `check` reads, or a store; relative paths start at the study file."""
    train: tuple[str, ...] = ("train",)
    """Those of its splits that are trained on; a data set without splits has all in `test`."""
    validation: tuple[str, ...] = ("validation",)
    """Those that choose the epoch and the threshold."""
    exclude: Path | None = None
    """The `curation.csv` of `check`, for clips to be left out; relative as above."""
    reasons: tuple[str, ...] = ()
    """Of `exclude`: the reasons that count; none: every reason in it."""
    about: str = ""
    """What a reader of the student's card should know of it."""

    def __post_init__(self) -> None:
        if not (self.train or self.validation):
            raise StudyError(f"data: neither train nor validation names a split of {self.path}.")
        if twice := sorted(set(self.train) & set(self.validation)):
            raise StudyError(
                f"data.train and data.validation both name {', '.join(twice)}: teach on one, judge by one."
            )
        if self.reasons and self.exclude is None:
            raise StudyError("data.reasons are those of a curation.csv: name it in data.exclude.")
        try:
            check_reasons(self.reasons)
        except InputError as error:
            raise StudyError(f"data.reasons: {error}") from None

    @property
    def use(self) -> dict[str, str]:
        """What each split of the data set serves for: 'train' or 'validation'."""
        return dict.fromkeys(self.train, "train") | dict.fromkeys(self.validation, "validation")
