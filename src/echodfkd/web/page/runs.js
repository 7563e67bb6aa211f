// Masks as runs of pixels, row by row: outside first, then inside, and so on. As web/runs.py has them.

/** The mask (height * width) 0 or 1 that has these runs. */
export function maskOf(runs, pixels) {
  const mask = new Uint8Array(pixels);
  let at = 0;
  runs.forEach((length, number) => {
    if (number % 2) mask.fill(1, at, at + length);
    at += length;
  });
  return mask;
}

/** The runs of a mask. */
export function runsOf(mask) {
  const runs = [];
  let start = 0, inside = 0;
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] !== inside) {
      runs.push(at - start);
      start = at;
      inside = mask[at];
    }
  }
  runs.push(mask.length - start);
  return runs;
}

/** How many pixels are inside. */
export const areaOf = (runs) => runs.reduce((sum, length, number) => sum + (number % 2 ? length : 0), 0);
