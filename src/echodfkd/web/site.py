"""The page as a folder for any server of files: models and runtime lie in it, and clips never leave the browser."""

import json
import shutil
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from echodfkd.errors import InputError
from echodfkd.files import filling
from echodfkd.student.bundled import installed
from echodfkd.student.card import GRAPH
from echodfkd.student.steppers import OnnxStepper
from echodfkd.student.student import identity, load_student
from echodfkd.web.models import Model, offered

RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""What is needed of onnxruntime-web's `dist`."""
ABOUT = ("package.json", "README.md", "ThirdPartyNotices.txt")
"""What is kept of what it says of itself, as far as it is there, beside its licence."""
FOLDER = Path("build/onnxruntime-web/package")
"""Where `make web` puts it."""
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
SITE = ("index.html", "page", "models", "ort")


def write_site(out: Path, names: Sequence[str] = (), runtime: Path | None = None) -> None:
    """The site in the folder `out`; `runtime` is the npm package onnxruntime-web, unpacked.

    Without `names` it has the bundled models that have a graph.

    InputError where the runtime is not there, or where a model has no graph.
    """
    dist = _dist(runtime or FOLDER)
    models = offered(names or [name for name, path in installed().items() if (path / GRAPH).is_file()])
    graphs = {name: _graph(name, one.path) for name, one in models.items()}
    with filling(out, SITE) as here, as_file(files("echodfkd.web")) as web:
        shutil.copytree(web / "page", here / "page")
        index = (here / "page" / "index.html").read_text(encoding="utf-8")
        policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        (here / "index.html").write_text(index.replace("<head>", f"<head>\n{policy}", 1), encoding="utf-8")
        (here / "page" / "index.html").unlink()
        (here / "page" / "backend.js").write_text(
            '// Who works on clips: this build has no server.\nexport * from "./browser.js";\n', encoding="utf-8"
        )
        (here / "models").mkdir()
        for name, path in graphs.items():
            shutil.copyfile(path, here / "models" / f"{name}.onnx")
        told = [_card(name, models[name], path) for name, path in graphs.items()]
        (here / "models" / "models.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
        (here / "ort").mkdir()
        for name in RUNTIME:
            shutil.copyfile(dist / name, here / "ort" / name)
        shutil.copyfile(web / "onnxruntime-web.LICENSE", here / "ort" / "LICENSE")
        for name in ABOUT:
            if (dist.parent / name).is_file():
                shutil.copyfile(dist.parent / name, here / "ort" / name)


def _dist(runtime: Path) -> Path:
    """The folder of the runtime's files; InputError where one is missing."""
    found = runtime / "dist" if (runtime / "dist").is_dir() else runtime
    if missing := [name for name in RUNTIME if not (found / name).is_file()]:
        raise InputError(f"{runtime} is no onnxruntime-web: it lacks {missing[0]}. Run `make web`, or give --runtime.")
    return found


def _graph(name: str, folder: Path) -> Path:
    """A model's graph."""
    path = folder if folder.is_file() else folder / GRAPH
    if not path.is_file():
        raise InputError(f"The model {name} has no graph that a browser runs. Name others with --model.")
    return path


def _card(name: str, model: Model, path: Path) -> dict[str, object]:
    """What the page must know of a model."""
    student = load_student(model.path)
    card = student.card
    states = [{"name": one.name, "shape": [1, *one.shape[1:]]} for one in OnnxStepper(path).states]
    return {
        "name": name,
        "about": model.about,
        "structures": card.network.structures,
        "size": card.preprocessing.size,
        "threshold": card.threshold,
        "warm_up": card.warm_up,
        "hindsight": card.hindsight,
        "hindsight_zoom": card.hindsight_zoom,
        "looks": card.looks,
        "largest_component": card.largest_component,
        "states": states,
        "ejection": card.ejection,
        "identity": identity(student),
    }
