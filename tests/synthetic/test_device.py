import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from echodfkd.clip import STRUCTURES
from echodfkd.synthetic import generate as module
from echodfkd.synthetic import noise
from echodfkd.synthetic.annotator import ANNOTATORS
from echodfkd.synthetic.recipe import Conditions, draw_recipe

# Any device but the CPU: torch pretends, so that no graphics card is needed, and refuses tensors of two devices.
ELSEWHERE = torch.device("lazy", 0)


@pytest.fixture
def pretended():
    noise.strings.cache_clear()
    with FakeTensorMode():
        yield
    noise.strings.cache_clear()


@pytest.mark.parametrize("annotator", ANNOTATORS)
def test_every_step_of_a_drawing_stays_on_one_device(pretended, monkeypatch, annotator):
    monkeypatch.setattr(module, "_host", lambda values: values)
    recipes = [draw_recipe(Conditions(), 0, number, 12) for number in range(3)]
    scene = module._Scene(recipes, 112, ELSEWHERE, None, annotator)
    frames, masks = scene.draw(slice(8, 12), STRUCTURES)
    assert frames.device == masks.device == ELSEWHERE
    assert frames.shape == (3, 4, 112, 112)
    assert masks.shape == (3, 4, 5, 112, 112)
    assert frames.dtype == masks.dtype == torch.uint8


def test_the_pretended_device_finds_mixed_tensors(pretended):
    with pytest.raises(RuntimeError, match="same device"):
        torch.zeros(2, device=ELSEWHERE) + torch.zeros(2)
