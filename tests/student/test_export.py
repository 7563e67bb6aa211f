import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from echodfkd.clip import Clip
from echodfkd.errors import InputError
from echodfkd.student.checkpoint import Card, Preprocessing, save
from echodfkd.student.export import export_onnx
from echodfkd.student.network import NetworkSettings
from echodfkd.student.student import load_student

SHAPE = {"blocks": 3, "layers": 2, "filters": 4, "skip": "all", "structures": ("lv", "la")}
CARD = Card(NetworkSettings(**SHAPE), Preprocessing(size=32), warm_up=2)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip("noise", np.random.default_rng(7).integers(0, 256, (10, 32, 32), dtype=np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_network) -> Path:
    here = tmp_path_factory.mktemp("exported") / "student"
    save(here, make_network(**SHAPE), CARD, onnx=True)
    return here


def test_the_graph_gives_torchs_masks_without_torch(folder, clip, tmp_path):
    """Ten steps: once with torch, once in a process where torch cannot be imported."""
    np.save(tmp_path / "frames.npy", clip.frames)
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from echodfkd.clip import Clip\n"
        "from echodfkd.student.student import load_student\n"
        f"here, student = Path({str(tmp_path)!r}), Path({str(folder)!r})\n"
        "masks = load_student(student, threads=1)(Clip('noise', np.load(here / 'frames.npy')))\n"
        "np.save(here / 'masks.npy', masks)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    expected = load_student(folder, "torch")(clip)
    assert expected.std() > 0.01
    np.testing.assert_allclose(np.load(tmp_path / "masks.npy"), expected, atol=1e-5, rtol=0)


def test_auto_takes_the_graph(folder, clip):
    assert np.array_equal(load_student(folder)(clip), load_student(folder, "onnx")(clip))


def test_an_altered_graph_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "altered")
    path = tmp_path / "altered" / "model.onnx"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"model\.onnx .*checksum"):
        load_student(tmp_path / "altered")


def test_equal_networks_give_equal_graphs_that_name_no_source_file(folder, make_network, tmp_path):
    path = tmp_path / "again.onnx"
    export_onnx(make_network(**SHAPE), CARD, path)
    graph = path.read_bytes()
    assert graph == (folder / "model.onnx").read_bytes()
    assert b".py" not in graph


def test_exporting_is_quiet_and_leaves_the_network_as_it_was(tmp_path, make_network, capfd):
    network = make_network(blocks=1, filters=2).train()
    export_onnx(network, Card(network.settings, Preprocessing(size=8)), tmp_path / "model.onnx")
    assert network.training
    assert network.encoder[0][0].norm.training
    assert capfd.readouterr() == ("", "")


def test_weights_that_are_not_finite_are_refused(tmp_path, make_network):
    network = make_network(blocks=1, filters=2)
    network.head.weight.data.fill_(torch.inf)
    with pytest.raises(InputError, match="torch by nan"):
        export_onnx(network, Card(network.settings, Preprocessing(size=8)), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_onnxscript_the_install_line_is_told(tmp_path):
    code = (
        "import sys; sys.modules['onnxscript'] = sys.modules['onnx'] = None\n"
        "from pathlib import Path\n"
        "from echodfkd.errors import MissingExtra\n"
        "from echodfkd.student.checkpoint import Card, Preprocessing\n"
        "from echodfkd.student.export import export_onnx\n"
        "from echodfkd.student.network import Network, NetworkSettings\n"
        "settings = NetworkSettings(blocks=1)\n"
        "try:\n"
        "    card = Card(settings, Preprocessing(size=8))\n"
        f"    export_onnx(Network(settings), card, Path({str(tmp_path / 'model.onnx')!r}))\n"
        "except MissingExtra as error:\n"
        "    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'echodfkd[study]'" in told
