"""The command: each verb turns its arguments into one call and prints what came of it; heavy imports wait for it."""

import io
import logging
import re
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from echodfkd.errors import EchodfkdError, InputError, MissingExtra, one_line

if TYPE_CHECKING:
    from echodfkd.engine import Engine
    from echodfkd.measure.stream import Live
    from echodfkd.store.store import Store

app = typer.Typer(
    help="Distil left-ventricle segmenters from synthetic hearts, and run them on echocardiograms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from echodfkd import __version__

        print(f"echodfkd {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What stands before the verb."""


StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study's settings.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results; made where it is missing.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        help="Processes that draw fresh clips beside the training (default: half the processors). A GPU draws alone.",
    ),
]
EngineName = Annotated[
    str, typer.Option("--engine", help="Where clips are worked on: processes of this machine, or ray.")
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="With --engine ray: the cluster (default: RAY_ADDRESS, here)."),
]
Processes = Annotated[
    int | None,
    typer.Option("--processes", min=1, help="Clips worked on side by side (default: up to one for each processor)."),
]
ModelName = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME|DIR", help="A model's folder, or a name that `models` lists (b4)."),
]
ClipStore = Annotated[str, typer.Option("--clips", metavar="DIR|URL", help="A store of clips made by `synth`.")]
StoreOut = Annotated[
    str, typer.Option("--out", metavar="DIR|URL", help="Folder for the store, made where it is missing, or s3://...")
]


def main() -> None:
    """Runs the command; what a user can mend becomes one line on stderr and exit code 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    log = logging.getLogger("echodfkd")
    log.setLevel(logging.INFO)
    log.addHandler(_LINES)
    log.propagate = False  # open_clip gives the root a handler of its own, which would say every line again
    try:
        app()
    except EchodfkdError as error:
        _refuse(error)
    except ModuleNotFoundError as error:
        extra = _STUDY_MODULES.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        _refuse(MissingExtra(f"This command (it imports {error.name})", extra))
    except OSError as error:  # a file that vanished or cannot be read: not ours to explain, but no fault of the program
        _refuse(error)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # what typer makes of Ctrl-C
            goes_on = sys.argv[1:2] and sys.argv[1] in RESUMABLE
            way_on = "the same command continues where it stopped" if goes_on else "start the command again"
            print(f"echodfkd: interrupted; {way_on}", file=sys.stderr)
        raise


class _Lines(logging.Handler):
    """What the house has to say while it works, as lines on stderr; a warning bears the command's name."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one line."""
        name = "echodfkd: " if record.levelno >= logging.WARNING else ""
        print(f"{name}{record.getMessage()}", file=sys.stderr, flush=True)


_LINES = _Lines()


def _refuse(error: Exception) -> NoReturn:
    print(f"echodfkd: {one_line(error)}", file=sys.stderr)
    sys.exit(2)


def _on_engine(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the options that choose where its clip-by-clip work runs, in place of its `engine`."""

    @wraps(verb)
    def call(*, kind: str, address: str | None, processes: int | None, **given: Any) -> None:
        from echodfkd.engine import Engine

        verb(**given, engine=Engine(kind, processes, address))  # type: ignore[arg-type]

    options = {"kind": (EngineName, "processes"), "address": (Address, None), "processes": (Processes, None)}
    own = [param for param in signature(verb).parameters.values() if param.name != "engine"]
    ours = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=words)
        for name, (words, default) in options.items()
    ]
    call.__signature__ = Signature([*own, *ours])  # type: ignore[attr-defined]
    call.__annotations__ = {param.name: param.annotation for param in (*own, *ours)}
    return call


class _Verb(TyperCommand):
    """A verb. What it takes as a path lies on this machine; what may also lie elsewhere, it takes as text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words left over. InputError for an address in place of a path, which would make another of it."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        kinds = get_type_hints(self.callback)
        for param in self.params:
            kind, words = kinds.get(param.name or ""), given.get(param.name)
            if Path in (kind, *get_args(kind)):
                _check_here(param.opts[0], [words] if isinstance(words, str) else words or ())
        return super().parse_args(ctx, args)


def _check_here(option: str, words: Iterable[str]) -> None:
    """InputError where one of the words is an address: it would become a folder of that name."""
    for word in words:
        if re.match(r"[A-Za-z][\w+.-]+://", word):
            from echodfkd.store.place import place_of

            place_of(word)  # refuses one with a secret, which is not to be repeated
            raise InputError(
                f"{option} must lie on this machine, got {word}. Only stores of clips and masks may lie elsewhere, as "
                "`synth`, `gather` and `label` write them: choose a folder, or copy it here."
            )


def _whole(place: str) -> "Store":
    """The store there, every byte of it checked: what was copied may have been damaged on its way."""
    from echodfkd.store.store import Store

    store = Store(place)
    store.verify()
    return store


INTERRUPTED = 130
RESUMABLE = ("run", "search", "synth", "gather", "label", "distill")


_STUDY_MODULES = (
    dict.fromkeys(
        ("lightning", "onnx", "onnxscript", "safetensors", "scipy", "skimage", "tensorboard", "torch"), "study"
    )
    | dict.fromkeys(("SimpleITK", "torchvision"), "teachers")
    | dict.fromkeys(("optuna", "tomli_w"), "search")
)


@app.command()
@_on_engine
def run(engine: "Engine", study: StudyFile, out: Out, workers: Workers = None) -> None:
    """The whole study: clips, masks, student, scores, report. Started again, it continues where it was stopped."""
    from echodfkd.pipeline import run as run_study
    from echodfkd.report.terminal import run_words
    from echodfkd.study.file import read_study

    found = run_study(read_study(study), out, workers, engine)
    print(f"{run_words(out, found.scores)}\nReport: {found.page}")


@app.command()
@_on_engine
def search(engine: "Engine", study: StudyFile, out: Out) -> None:
    """The best of the dials that a study lets vary: many students, the page of all, the study file of the best."""
    from echodfkd.commands import search as verb
    from echodfkd.report.terminal import search_words
    from echodfkd.study.file import read_study

    found = verb.search(read_study(study), out, engine)
    print(f"{search_words(found.trials, found.best)}\nReport: {found.page}")


@app.command()
@_on_engine
def synth(engine: "Engine", study: StudyFile, out: StoreOut) -> None:
    """Synthetic clips with exact truth, as a store."""
    from echodfkd.commands import synth as verb
    from echodfkd.study.file import read_study

    store = verb.synth(read_study(study), out, engine)
    print(f"{len(store.entries)} clips in {out}")


@app.command()
@_on_engine
def gather(engine: "Engine", study: StudyFile, out: StoreOut) -> None:
    """The clips of the study's data sets at the working size, as a store: a copy, as private as they are."""
    from echodfkd.commands import gather as verb
    from echodfkd.study.file import read_study

    store = verb.gather(read_study(study), out, engine)
    print(f"{len(store.entries)} clips in {out}. Private: the data sets' licences forbid to publish copies.")


@app.command()
@_on_engine
def label(
    engine: "Engine",
    study: StudyFile,
    clips: ClipStore,
    out: StoreOut,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive", metavar="DIR", help="Also write the masks as an archive to be shared, with manifest."
        ),
    ] = None,
    licence: Annotated[
        Path | None, typer.Option("--licence", metavar="FILE", help="With --archive: the terms it is shared under.")
    ] = None,
) -> None:
    """The study's teacher's masks of a store of clips."""
    from echodfkd.commands import label as verb
    from echodfkd.study.file import read_study

    if licence is not None and archive is None:
        raise InputError("A licence goes with an archive: give --archive too.")
    where = engine
    labels = verb.label(read_study(study), _whole(clips), out, archive, licence, where)
    if archive is not None:
        path, digest = verb.manifest_digest(archive)
        print(f"SHA-256 of {path}, which nobody signs: {digest}")
    print(f"{len(labels.entries)} clips labelled for {', '.join(labels.structures)} in {out}")


@app.command()
def distill(
    study: StudyFile,
    clips: ClipStore,
    labels: Annotated[str, typer.Option("--labels", metavar="DIR|URL", help="The teacher's masks made by `label`.")],
    out: Out,
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Take up a stopped training, keep a finished one; or start anew."),
    ] = True,
    workers: Workers = None,
    real: Annotated[
        str | None, typer.Option("--real", metavar="DIR|URL", help="The study's real clips, made by `gather`.")
    ] = None,
    real_labels: Annotated[
        str | None,
        typer.Option("--real-labels", metavar="DIR|URL", help="The teacher's masks of them, made by `label`."),
    ] = None,
    devices: Annotated[
        int, typer.Option("--devices", min=1, help="GPUs of every machine, or processes where there is none.")
    ] = 1,
    nodes: Annotated[int, typer.Option("--nodes", min=1, help="Machines, started by torchrun or SLURM.")] = 1,
) -> None:
    """A student taught the labels of a store of clips. Started again, it continues at the last finished epoch."""
    from echodfkd.commands import distill as verb
    from echodfkd.distill.devices import devices_here
    from echodfkd.study.file import read_study

    if (real is None) != (real_labels is None):
        raise InputError("Real clips and their labels go together: give both --real and --real-labels.")
    real_pair = None if real is None or real_labels is None else (_whole(real), _whole(real_labels))
    where = devices_here(devices, nodes)
    card = verb.distill(read_study(study), _whole(clips), _whole(labels), out, resume, workers, real_pair, where)
    if card is not None:
        print(f"Student in {out}, threshold {card.threshold:g}")


@app.command()
@_on_engine
def segment(
    engine: "Engine",
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Clips: AVI, MP4, GIF, PNG, JPEG, NIfTI, DICOM; or folders."),
    ],
    out: Out = Path("segmented"),
    model: ModelName = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="Also write overlay.mp4 and curve.png.")] = False,
    show_all: Annotated[
        bool, typer.Option("--show-all", help="Overlays of DICOM with what is burnt in beside the fan: names too.")
    ] = False,
    seg: Annotated[bool, typer.Option("--seg", help="Also write masks of DICOM clips as DICOM SEG.")] = False,
    largest_component: Annotated[
        bool | None,
        typer.Option(
            "--largest-component/--all-components",
            help="Keep only the largest piece of each mask (default: as the model's card says).",
        ),
    ] = None,
    warm_up: Annotated[
        int | None,
        typer.Option(
            "--warm-up",
            min=0,
            max=1000,
            metavar="FRAMES",
            help="Reflected frames run before the first (default: as the model's card says).",
        ),
    ] = None,
    hindsight: Annotated[
        bool | None,
        typer.Option(
            "--hindsight/--causal",
            help="Also pass over each clip from its end and average (default: as the model's card says).",
        ),
    ] = None,
) -> None:
    """Masks, areas, ED and ES frames and ejection fraction of clips. Not for diagnosis."""
    from echodfkd.commands import segment as verb
    from echodfkd.measure.record import describe
    from echodfkd.student.bundled import find_model

    def tell(one: verb.Segmented) -> None:
        if one.measures is None:
            print(f"echodfkd: {one.refusal}", file=sys.stderr)
        else:
            print(f"[{one.number}/{one.count}] {describe(one.measures)}")

    found = verb.segment(
        inputs,
        find_model(model),
        out,
        overlay=overlay,
        show_all=show_all,
        seg=seg,
        largest_component=largest_component,
        warm_up=warm_up,
        hindsight=hindsight,
        engine=engine,
        done=tell,
    )
    done = sum(one.measures is not None for one in found)
    print(f"{done} of {len(found)} clips in {out}, listed in summary.csv. Research software, not for diagnosis.")
    if done < len(found):
        raise typer.Exit(2)


@app.command()
def live(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A clip, a folder that fills, or a camera as FORMAT:NAME (v4l2:/dev/video0)."
        ),
    ],
    model: ModelName = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write beats.csv of each clip here.")] = None,
    overlay: Annotated[bool, typer.Option("--overlay", help="With --out: also write overlay.mp4.")] = False,
    paced: Annotated[
        bool | None,
        typer.Option("--paced/--no-pace", help="Play a clip at its own pace (default: a file yes, a folder's no)."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, metavar="S", help="Watch no clip or camera for longer.")
    ] = None,
    idle: Annotated[
        float | None, typer.Option("--idle", min=1, metavar="S", help="Leave a folder that gets no clip for so long.")
    ] = None,
) -> None:
    """A heart watched as it is filmed: a line for every beat as it ends. Ctrl-C ends it. Not for diagnosis."""
    from echodfkd.commands import live as verb
    from echodfkd.student.bundled import find_model

    def tell(watched: verb.Watched, known: "Live | None") -> None:
        for line in verb.lines(watched, known):
            print(line, flush=True)

    chosen = None if model is None else find_model(model)
    found = verb.live(source, chosen, out, overlay=overlay, paced=paced, seconds=seconds, idle=idle, tell=tell)
    if any(one.refusal for one in found):
        raise typer.Exit(2)


@app.command()
def serve(
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME|DIR", help="A model to offer, the first by default; repeat."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Listen where others reach it: a token is then demanded.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=0, help="0: one that is free.")] = 8017,
    token: Annotated[
        str, typer.Option("--token", help="What must be told first (default: made up, and printed).")
    ] = "",
    upload_mb: Annotated[int, typer.Option("--upload-mb", metavar="MB", help="Largest file.")] = 200,
    uploads: Annotated[int, typer.Option("--uploads", help="Files taken at the same time.")] = 8,
    frames: Annotated[int, typer.Option("--frames", help="Longest clip.")] = 3000,
    seconds: Annotated[int, typer.Option("--seconds", help="That a clip may take; then it is stopped.")] = 120,
    waiting: Annotated[int, typer.Option("--waiting", help="Clips that may wait for a worker.")] = 32,
    minutes: Annotated[int, typer.Option("--minutes", help="After which a clip is deleted.")] = 60,
    workers: Annotated[int, typer.Option("--workers", help="Processes (default: one for each processor).")] = 0,
    static: Annotated[
        Path | None,
        typer.Option("--static", metavar="DIR", help="Write the page that needs no server here, and end."),
    ] = None,
    runtime: Annotated[
        Path | None, typer.Option("--runtime", metavar="FOLDER", help="With --static: onnxruntime-web, unpacked.")
    ] = None,
) -> None:
    """The page: drop a clip in the browser, see the heart beat. Ctrl-C ends it. Not for diagnosis."""
    from echodfkd.web.serve import serve as verb
    from echodfkd.web.settings import Dials
    from echodfkd.web.site import write_site

    if static is not None:
        write_site(static, tuple(model or ()), runtime)
        print(f"The page lies in {static}. Any server of files shows it: python -m http.server --directory {static}")
        return
    dials = Dials(
        host=host,
        port=port,
        token=token,
        models=tuple(model or ()),
        upload_mb=upload_mb,
        uploads=uploads,
        frames=frames,
        seconds=seconds,
        waiting=waiting,
        minutes=minutes,
        workers=workers,
    )
    verb(
        dials,
        lambda address: print(f"Open {address}  (Ctrl-C ends it. Research software, not for diagnosis.)", flush=True),
    )


@app.command()
def convert(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="CLIPS...", help="Clips of any format that `segment` reads; or folders.")
    ],
    out: Out,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Write which number is which clip. Keep it apart.")
    ] = None,
) -> None:
    """Clips as a de-identified folder in EchoNet-Dynamic's layout: numbered 112 x 112 films and FileList.csv."""
    from echodfkd.commands import convert as verb

    def tell(one: verb.Converted) -> None:
        if one.refusal:
            print(f"echodfkd: {one.refusal}", file=sys.stderr)

    found = verb.convert(inputs, out, key, tell)
    done = sum(not one.refusal for one in found)
    print(
        f"{done} of {len(found)} clips in {out}. Look at the films before you share them: what lies in the fan stays."
    )
    if done < len(found):
        raise typer.Exit(2)


class _Models(TyperGroup):
    """`models` and `models NAME|DIR` are short for `models show ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words after `models`, with the verb that is meant."""
        meant = args and (args[0] in self.commands or args[0] in ("--help", "-h"))
        return super().parse_args(ctx, args if meant else ["show", *args])


models = typer.Typer(
    cls=_Models,
    help="`models` lists bundled and known models, `models NAME|DIR` prints a card, `models fetch NAME` downloads.",
)
app.add_typer(models, name="models")


@models.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="NAME|DIR", help="Print this model's card in full.")] = None,
) -> None:
    """What they are, how they were made, how they score, where weights come from."""
    from echodfkd.commands import models as verb

    print(verb.show(name), end="")


@models.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Published weights: echonet-deeplabv3.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Where to keep them (default: your data folder).")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Another address of the same file.")] = None,
) -> None:
    """Published weights that may not be shipped, with their checksum. Started again, it continues where it stopped."""
    from echodfkd.commands import models as verb

    found = verb.fetch(name, to, url)
    print(f"{found.path}\nSHA-256 {found.checksum}\n{found.about}")


@app.command()
@_on_engine
def evaluate(
    engine: "Engine",
    predictions: Annotated[Path, typer.Argument(metavar="PREDICTIONS", help="A folder as `segment` writes it.")],
    labels: Annotated[
        str, typer.Option("--labels", metavar="DATASET", help="A store, or a data set in a layout that `check` reads.")
    ],
    out: Out,
    split: Annotated[str, typer.Option("--split", help="Which clips of the data set.")] = "test",
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, help="Bootstrap resamples behind each interval.")
    ] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap and the null baselines.")] = 0,
    exclude: Annotated[
        str | None,
        typer.Option(
            "--exclude", metavar="FILE[:REASON,...]", help="Also score without the clips that `check` found odd."
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="PREDICTIONS", help="Another model's masks, compared clip by clip."),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", metavar="FILE.csv", help="Judge beats by these ED and ES (FileName, ED, ES)."),
    ] = None,
    second_round: Annotated[
        Path | None,
        typer.Option("--second-round", metavar="FILE.csv", help="The same events marked again: how far one is off."),
    ] = None,
    patients: Annotated[
        Path | None,
        typer.Option("--patients", metavar="FILE.csv", help="Whose clip each is (FileName, Patient): wider intervals."),
    ] = None,
) -> None:
    """Scores of masks against labels, with intervals and baselines: scores.json, clips.csv and index.html."""
    from echodfkd.commands import evaluate as verb
    from echodfkd.data.findings import parse_exclusion
    from echodfkd.report.terminal import table

    scores = verb.evaluate(
        predictions,
        labels,
        out,
        split=split,
        resamples=resamples,
        seed=seed,
        exclude=None if exclude is None else parse_exclusion(exclude),
        against=against,
        events=events,
        second_round=second_round,
        patients=patients,
        engine=engine,
    )
    print(f"{table(scores)}\nReport: {out / 'index.html'}")


@app.command()
@_on_engine
def judge(
    engine: "Engine",
    clips: Annotated[list[str], typer.Argument(metavar="CLIPS...", help="Clips, folders of them, data sets, a store.")],
    predictions: Annotated[
        list[Path],
        typer.Option("--predictions", metavar="FOLDER", help="A segmenter's masks as `segment` writes them; repeat."),
    ],
    out: Out,
    judge: Annotated[
        str,
        typer.Option("--judge", metavar="NAME", help="standin, echoclip, hf-hub:OWNER/MODEL, local-dir:FOLDER, none."),
    ] = "none",
    everything: Annotated[
        bool, typer.Option("--all", help="Also show evidence that does not follow true Dice on real hearts.")
    ] = False,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", metavar="FILE.toml", help="What the judge is asked, in your words.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", metavar="FOLDER", help="Keep the judge's embeddings here.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", help="Where the judge runs: cpu, cuda (default: a GPU if any)."),
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="Of the judge: float32, bfloat16, or auto: bfloat16 where it is native.")
    ] = "float32",
    frames: Annotated[
        int, typer.Option("--frames", min=1, help="Frames of every clip that the judge is shown, evenly spread.")
    ] = 12,
    split: Annotated[
        str | None, typer.Option("--split", help="Which clips of a data set (default: those with predictions).")
    ] = None,
    staple: Annotated[bool, typer.Option("--staple", help="Also agreement with the others fused by STAPLE.")] = False,
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, help="Bootstrap resamples behind each interval.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of atlases, spoilt masks and the bootstrap.")] = 0,
) -> None:
    """Which segmenter to trust on clips without labels: by what follows true Dice on real hearts."""
    from echodfkd.commands import judge as verb
    from echodfkd.report.terminal import label_free_table

    options: dict[str, Any] = {"staple": staple, "resamples": resamples, "seed": seed, "split": split}
    options |= {
        "everything": everything,
        "device": device,
        "precision": precision,
        "frames": frames,
        "prompts": prompts,
        "cache": cache,
        "engine": engine,
    }
    found = verb.judge(clips, predictions, out, judge=None if judge == "none" else judge, **options)
    print(f"{label_free_table(found)}\nReport: {out / 'index.html'}")


@app.command()
@_on_engine
def check(
    engine: "Engine",
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="EchoNet-Dynamic, -Synthetic, -Pediatric, CAMUS, or clips.")
    ],
    out: Out,
) -> None:
    """What is missing, corrupt or odd in a data set: curation.csv, one row per clip and reason, and figures."""
    from echodfkd.commands import check as verb

    print(verb.summary(verb.check(dataset, out, engine), out))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A run's folder, or one that `evaluate` wrote.")],
) -> None:
    """Draws the HTML page of a run or of scores anew from what is in the folder."""
    from echodfkd.commands import report as verb

    print(verb.report(folder))


@app.command("import-reference")
def import_reference(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="FILE.ckpt", help="A Lightning checkpoint of the paper's published code.")
    ],
    out: Out,
    threshold: Annotated[float, typer.Option("--threshold", help="Probability from which a pixel is inside.")] = 0.5,
) -> None:
    """A checkpoint of the paper's published code as a student that `segment` runs."""
    from echodfkd.commands import import_reference as verb

    card = verb.import_reference(checkpoint, out, threshold=threshold)
    print(f"{card.network.name} with {card.parameters:,} parameters in {out}")


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's folder, or a name that `models` lists.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.onnx", help="The graph.")],
    format: Annotated[str, typer.Option("--format", help="onnx.")] = "onnx",  # noqa: A002
    int8: Annotated[
        bool, typer.Option("--int8", help="Convolve in whole numbers: faster, and not quite the same masks.")
    ] = False,
    size: Annotated[
        int | None, typer.Option("--size", min=1, metavar="PIXELS", help="Another working size than the card's.")
    ] = None,
) -> None:
    """A model as one file that runs without this package: one step, states in and out, its card in the metadata."""
    from echodfkd.commands import export as verb
    from echodfkd.student.bundled import find_model

    if format != "onnx":
        raise InputError(f"Models are exported as onnx, got {format}.")
    found = verb.export(find_model(model), out, int8=int8, size=size)
    agreement = "" if found.agreement is None else f", Dice {found.agreement:.4f} with its own masks of drawn clips"
    print(f"{found.card.network.name} at {found.card.preprocessing.size} pixels in {found.path}{agreement}")
    if found.unmeasured:
        print(
            "Without what was measured of the graph in the model's folder and not of this one (interval, memory of "
            "drawn hearts): it refuses less surely."
        )


@app.command()
def bench(
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME|DIR|FILE", help="A model's folder, graph or name (b4)."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="NAME", help="torch, float32, int8, deeplab, or another model; repeat."),
    ] = None,
    clip: Annotated[Path | None, typer.Option("--clip", help="A film of yours in place of one of noise.")] = None,
) -> None:
    """How long a frame takes on this machine, model alone and from a file to its mask: latency, rate, memory."""
    from echodfkd.commands import bench as verb

    print(verb.words(verb.bench(model, against or (), clip)))


for one in (*app.registered_commands, *models.registered_commands):
    one.cls = _Verb
