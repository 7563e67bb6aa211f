"""A small image-text model of EchoCLIP's kind (a ConvNeXt of timm and a text transformer), random, on disk."""

import json
from pathlib import Path

import echodfkd.vision  # noqa: F401  before open_clip is imported

SIZE = 64
CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {
            "timm_model_name": "test_convnext",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": SIZE,
        },
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.3, 0.25, 0.2], "std": [0.2, 0.3, 0.25], "interpolation": "bicubic"},
}


def make_judge(folder: Path, config: dict = CONFIG, seed: int = 0):
    """Writes the model to `folder` as open_clip does; the model itself, as it was before it was written."""
    import torch
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    model = CLIP(**json.loads(json.dumps(config["model_cfg"]))).eval()
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    return model
