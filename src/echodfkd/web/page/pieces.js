// Connected pieces of a mask, as echodfkd/pieces.py has them.

/** The largest piece of pixels that share edges; the upper one of two as large. */
export function largestPiece(mask, height, width) {
  const of = new Int32Array(mask.length), areas = [0];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || of[start]) continue;
    const piece = areas.push(0) - 1, left = [start];
    of[start] = piece;
    while (left.length) {
      const at = left.pop(), x = at % width;
      areas[piece]++;
      for (const next of [x > 0 ? at - 1 : -1, x + 1 < width ? at + 1 : -1, at - width, at + width]) {
        if (next >= 0 && next < mask.length && mask[next] && !of[next]) {
          of[next] = piece;
          left.push(next);
        }
      }
    }
  }
  const best = areas.indexOf(Math.max(...areas));
  return mask.map((inside, at) => (inside && of[at] === best ? 1 : 0));
}
