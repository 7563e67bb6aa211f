"""The journal of a search, as Optuna's JournalStorage keeps it: any of Optuna's tools can open it."""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from echodfkd.files import write_bytes
from echodfkd.study.search_record import Trial
from echodfkd.study.settings import Study
from echodfkd.study.trials import frozen

KEPT = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.FAIL)


class Journal:
    """A search's journal in a folder that this process holds. Trials come in order, each once."""

    def __init__(self, path: Path, study: Study):
        _mend(path)
        storage = JournalStorage(JournalFileBackend(str(path), lock_obj=_Held()))  # type: ignore[arg-type]
        self._study = study
        self._made = optuna.create_study(storage=storage, study_name=study.name, load_if_exists=True)
        self._kept = len(self._made.get_trials(deepcopy=False, states=KEPT))

    def add(self, trial: Trial) -> None:
        """Notes a trial, unless it is there."""
        if trial.number >= self._kept:
            self._made.add_trial(frozen(self._study, trial))
            self._kept = trial.number + 1


class _Held:
    """No lock: whoever writes holds the folder, and a lock of Optuna's outlives a killed process."""

    def acquire(self) -> bool:
        """At once."""
        return True

    def release(self) -> None:
        """Nothing."""


def _mend(path: Path) -> None:
    """Cuts off the line that a killed process left half-written."""
    if path.is_file() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        write_bytes(path, content[: content.rfind(b"\n") + 1])
