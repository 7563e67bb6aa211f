"""One trial of a search: dials drawn from what earlier rounds found, a student taught with them, its Dice. Optuna.

A trial is a function of the study, its number and the trials of earlier rounds, and of nothing else: neither of who
works beside, nor of what was killed meanwhile. So a search that is stopped and started again ends as one undisturbed.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echodfkd.distill.threshold import best_threshold
from echodfkd.distill.train import INPUT_SCALE, Stop, train
from echodfkd.engine import one_torch_thread
from echodfkd.errors import MissingExtra
from echodfkd.files import make_folder, plain, read_json, shaped, write_json
from echodfkd.store.store import Store
from echodfkd.student.card import Card, Preprocessing
from echodfkd.student.steppers import TorchStepper
from echodfkd.student.student import Student
from echodfkd.study.fresh import FreshWindows
from echodfkd.study.search import Dial, Value, leaves
from echodfkd.study.search_record import Trial
from echodfkd.study.settings import Study, study_table

try:
    import optuna
except ModuleNotFoundError:
    raise MissingExtra("A search for dials", "search") from None

optuna.logging.set_verbosity(optuna.logging.WARNING)
TRIAL = "trial.json"
EARLIER = 4
"""Earlier trials with the same loss that a median needs before a trial is ended by it. By choice."""


@dataclass(frozen=True)
class Planned:
    """A trial to be: the study with its dials set, and the stores that it is taught on."""

    number: int
    values: dict[str, Any]
    study: Study
    clips: Path
    labels: Path


def drawn(study: Study, number: int, earlier: Sequence[Trial]) -> dict[str, Value]:
    """The dials of trial `number`, from the trials of earlier rounds and a seed of its own."""
    search = study.search
    assert search is not None
    if search.sampler == "grid":
        return search.combinations[number]
    kinds, seed = distributions(study), study.seed * 1_000_003 + number
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
    if search.sampler == "tpe":
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.startup, multivariate=True)
    found = in_memory(study, earlier, sampler).ask(kinds).params
    return {name: found[name] for name in search.dials}


def distributions(study: Study) -> dict[str, optuna.distributions.BaseDistribution]:
    """What each dial may be, as Optuna says it: a whole number where the study's dial holds one."""
    assert study.search is not None
    known = dict(leaves(study_table(study)))
    return {name: _distribution(dial, known[name]) for name, dial in study.search.dials.items()}


def _distribution(dial: Dial, now: Any) -> optuna.distributions.BaseDistribution:
    low, high = dial.low, dial.high
    if low is None or high is None:
        return optuna.distributions.CategoricalDistribution(dial.choices)
    if all(isinstance(value, int) and not isinstance(value, bool) for value in (low, high, dial.step or 1, now)):
        return optuna.distributions.IntDistribution(int(low), int(high), dial.log, int(dial.step or 1))
    return optuna.distributions.FloatDistribution(low, high, dial.log, dial.step)


def in_memory(
    study: Study, trials: Sequence[Trial], sampler: optuna.samplers.BaseSampler | None = None
) -> optuna.Study:
    """Optuna's study of these trials: what is minimised is 1 - Dice, and on the way the validation loss."""
    made = optuna.create_study(sampler=sampler)
    made.add_trials([frozen(study, trial) for trial in trials])
    return made


def frozen(study: Study, trial: Trial) -> optuna.trial.FrozenTrial:
    """A trial as Optuna keeps it."""
    states = {"done": "COMPLETE", "pruned": "PRUNED", "impossible": "FAIL"}
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[states[trial.state]],
        value=1 - trial.dice if trial.state == "done" and trial.dice is not None else None,
        params=trial.values,
        distributions=distributions(study),
        intermediate_values=dict(enumerate(trial.losses)),
        user_attrs={"dice": trial.dice, "threshold": trial.threshold, "reason": trial.reason},
    )


def stopping(study: Study, planned: Planned, earlier: Sequence[Trial]) -> Stop:
    """Whether a trial shall end: by Optuna's median pruner, among earlier trials that have the same loss."""
    search, loss = study.search, planned.study.training.loss
    assert search is not None
    if not search.prune or not (same := [one for one in earlier if one.losses and _loss(study, one) == loss]):
        return lambda curve: False
    pruner = optuna.pruners.MedianPruner(n_startup_trials=EARLIER, n_warmup_steps=search.warm_up)
    kinds = distributions(study)

    def stop(curve: Sequence[Mapping[str, float]]) -> bool:
        """Whether a trial with that curve so far shall end."""
        # Every loss so far is told, but it may end only now: where it might have ended before, it did.
        among = in_memory(study, same)
        among.enqueue_trial(planned.values)
        trial = among.ask(kinds)
        for epoch, row in enumerate(curve):
            trial.report(row["val_loss"], epoch)
        now = among.get_trials(deepcopy=False)[-1]
        return len(curve) < planned.study.training.epochs and bool(pruner.prune(among, now))

    return stop


def _loss(study: Study, trial: Trial) -> str:
    """The loss that a trial was taught by."""
    return str(trial.values.get("training.loss", study.training.loss))


def importance(study: Study, trials: Sequence[Trial]) -> dict[str, float]:
    """How much of what tells good trials from others each dial explains, by PED-ANOVA (Optuna), shares that sum to 1.

    Empty where too few trials are done, or all are as good.
    """
    done = [one for one in trials if one.state == "done"]
    if len(done) < 3 or len({one.dice for one in done}) < 2:
        return {}
    by = optuna.importance.PedAnovaImportanceEvaluator()
    return dict(optuna.importance.get_param_importances(in_memory(study, trials), evaluator=by))


@dataclass(frozen=True)
class Teaching:
    """Teaches one planned trial after another, here or elsewhere; what is done is kept in its folder."""

    study: Study
    folder: Path
    earlier: tuple[Trial, ...]

    def __call__(self, planned: Planned) -> Trial:
        """What came of it."""
        folder = self.folder / f"{planned.number:05d}"
        if (folder / TRIAL).is_file():
            return shaped(Trial, read_json(folder / TRIAL))
        with one_torch_thread(), _quiet():
            trial = _taught(planned, make_folder(folder), stopping(self.study, planned, self.earlier))
        write_json(folder / TRIAL, plain(trial))
        return trial


def _taught(planned: Planned, folder: Path, stop: Stop) -> Trial:
    study, pair = planned.study, (Store(planned.clips), Store(planned.labels))
    with FreshWindows(study, 0) if study.clips.fresh else nullcontext() as source:
        taught = train(*pair, study.student, study.training, study.seed, folder, source=source, stop=stop)
    losses = tuple(row["val_loss"] for row in taught.curve)
    if stop(taught.curve):
        return Trial(planned.number, planned.values, "pruned", losses=losses)
    warm_up = Card.warm_up if study.student.remembers else 0
    seen = Preprocessing(study.training.size, INPUT_SCALE)
    card = Card(
        network=study.student,
        preprocessing=seen,
        warm_up=warm_up,
        hindsight=study.hindsight,
        hindsight_zoom=study.hindsight_zoom,
    )
    threshold, dice = best_threshold(Student(card, TorchStepper(taught.network, INPUT_SCALE)), [pair])
    return Trial(planned.number, planned.values, "done", dice, threshold, losses)


@contextmanager
def _quiet() -> Iterator[None]:
    """No line for every epoch of every trial."""
    log = logging.getLogger("echodfkd.distill.train")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
