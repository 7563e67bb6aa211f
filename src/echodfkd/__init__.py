"""Data-free distillation of left-ventricle segmenters for apical four-chamber echocardiograms."""

from echodfkd.clip import STRUCTURES, Clip, Segmenter
from echodfkd.errors import EchodfkdError

__version__ = "0.1.0"
__all__ = ["STRUCTURES", "Clip", "EchodfkdError", "Segmenter", "__version__"]
