"""Masks of a clip by a graph that `echodfkd export` wrote. Needs av, numpy, onnxruntime and pillow, and no echodfkd.

python examples/run_graph.py b4.onnx clip.avi masks.npy
"""

import sys

import av
import numpy as np
import onnxruntime
from PIL import Image

graph, clip, out = sys.argv[1:]
session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
size, threshold = int(about["size"]), float(about["threshold"])
state = {item.name: np.zeros((1, *item.shape[1:]), np.float32) for item in session.get_inputs()[1:]}
masks = []
with av.open(clip) as film:
    for picture in film.decode(video=0):
        frame = Image.fromarray(picture.to_ndarray(format="gray"))
        side = max(frame.size)
        square = Image.new("L", (side, side))  # black around a frame that is no square
        square.paste(frame, tuple((side - length) // 2 for length in frame.size))
        seen = np.asarray(square.resize((size, size), Image.Resampling.BOX))
        probabilities, *after = session.run(None, {"frame": seen[None, None], **state})
        state = dict(zip(state, after, strict=True))  # what the next frame is to remember
        masks.append(probabilities[0] >= threshold)
np.save(out, np.stack(masks))
print(f"{len(masks)} masks of {about['structures']} at {size} x {size} pixels in {out}")
