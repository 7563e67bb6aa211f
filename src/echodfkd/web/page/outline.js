// The outline of a mask as a path: marching squares on the mask smoothed by a pixel, so that the line has no steps.

/** A Path2D in pixels of the frame, pixel (0, 0) covering 0..1. Even-odd filled it covers the mask. */
export function outline(mask, height, width) {
  const [top, bottom, left, right] = bounds(mask, height, width);
  const path = new Path2D();
  if (bottom < top) return path;
  const soft = softened(mask, height, width);
  const at = (y, x) => (y < 0 || x < 0 || y >= height || x >= width ? 0 : soft[y * width + x]);
  const next = new Map();
  const point = (y, x, down) => {                   // where the smoothed mask is one half, on the way to a neighbour
    const a = at(y, x), b = down ? at(y + 1, x) : at(y, x + 1);
    const t = (8 - a) / (b - a);
    return down ? [x + 0.5, y + t + 0.5] : [x + t + 0.5, y + 0.5];
  };
  const key = (y, x, down) => ((y + 1) * (width + 2) + x + 1) * 2 + (down ? 1 : 0);
  for (let y = top - 2; y <= bottom + 1; y++) {
    for (let x = left - 2; x <= right + 1; x++) {
      const corners = (at(y, x) > 8) | ((at(y, x + 1) > 8) << 1) | ((at(y + 1, x + 1) > 8) << 2) | ((at(y + 1, x) > 8) << 3);
      if (corners === 0 || corners === 15) continue;
      const edges = { t: [y, x, false], r: [y, x + 1, true], b: [y + 1, x, false], l: [y, x, true] };
      for (const [from, to] of SEGMENTS[corners]) next.set(key(...edges[from]), [edges[from], edges[to]]);
    }
  }
  while (next.size) {
    const [first] = next.keys();
    let here = first, begun = false;
    while (next.has(here)) {
      const [from, to] = next.get(here);
      next.delete(here);
      const [px, py] = point(...from);
      if (begun) path.lineTo(px, py); else path.moveTo(px, py);
      begun = true;
      here = key(...to);
    }
    path.closePath();
  }
  return path;
}

// By corners inside (top left 1, top right 2, bottom right 4, bottom left 8): from which edge to which, inside on the right.
const SEGMENTS = {
  1: [["l", "t"]], 2: [["t", "r"]], 3: [["l", "r"]], 4: [["r", "b"]], 5: [["l", "t"], ["r", "b"]], 6: [["t", "b"]], 7: [["l", "b"]],
  8: [["b", "l"]], 9: [["b", "t"]], 10: [["t", "r"], ["b", "l"]], 11: [["b", "r"]], 12: [["r", "l"]], 13: [["r", "t"]], 14: [["t", "l"]],
};

function bounds(mask, height, width) {
  let top = height, bottom = -1, left = width, right = -1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x]) continue;
      if (y < top) top = y;
      bottom = y;
      if (x < left) left = x;
      if (x > right) right = x;
    }
  }
  return [top, bottom, left, right];
}

/** The mask averaged with weights 1, 2, 1 along both sides, in sixteenths; edges are held. */
function softened(mask, height, width) {
  const rows = new Uint8Array(mask.length), soft = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    const above = Math.max(0, y - 1) * width, here = y * width, below = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) rows[here + x] = mask[above + x] + 2 * mask[here + x] + mask[below + x];
  }
  for (let y = 0; y < height; y++) {
    const here = y * width;
    for (let x = 0; x < width; x++) {
      soft[here + x] = rows[here + Math.max(0, x - 1)] + 2 * rows[here + x] + rows[here + Math.min(width - 1, x + 1)];
    }
  }
  return soft;
}
