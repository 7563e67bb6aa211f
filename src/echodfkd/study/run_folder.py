"""A run: the folder a study made, with the resolved study, the environment and a log, and one process at work."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from echodfkd.engine import environment
from echodfkd.errors import OutputError, StudyError
from echodfkd.files import differences, holding, read_json, remove_parts, write_json
from echodfkd.study.settings import Study, study_from, study_table

log = logging.getLogger(__name__)


class Run:
    """The folder `folder` held for a study: `study.json`, `environment.json`, `log.txt` and the stages' own.

    Entering raises StudyError where the folder was made from another study, and OutputError where it cannot be
    written or another process works in it.
    """

    def __init__(self, folder: Path, study: Study):
        self.folder = folder
        self.study = study

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            entered.enter_context(holding(self.folder))
            remove_parts(self.folder)
            self._check_study()
            write_json(self.folder / "environment.json", environment())
            self._held = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            if error is not None:
                self._log(f"stopped: {type(error).__name__}: {error}")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Logs the start, the end and the seconds of one stage."""
        self._log(f"{name}: started")
        start = time.monotonic()
        yield
        self._log(f"{name}: done in {time.monotonic() - start:.1f} s")

    def _check_study(self) -> None:
        kept, table = self.folder / "study.json", study_table(self.study)
        if not kept.exists():
            write_json(kept, table)
            return
        before = study_table(study_from(read_json(kept), str(kept)))
        if found := list(differences(before, table)):
            raise StudyError(f"{self.folder} holds a run of another study: {'; '.join(found)}. Choose a new --out.")

    def _log(self, text: str) -> None:
        line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}"
        try:
            with open(self.folder / "log.txt", "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise OutputError(f"Cannot write {self.folder / 'log.txt'}: {error.strerror}. Free space.") from None
        log.info(line)
