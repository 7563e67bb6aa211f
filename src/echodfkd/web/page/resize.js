// Frames to the working square and masks back, as echodfkd/resize.py does it, tap by tap and in the same order.

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
const middle = (side, length) => {
  const start = Math.floor((side - length) / 2);
  return [start, start + length];
};

/** How much (whole numbers) each of `target` pixels covers of each of `source` pixels, as lists of [place, weight]. */
function overlaps(source, target) {
  const common = gcd(source, target), step = source / common, pixel = target / common;
  return Array.from({ length: target }, (_, at) => {
    const start = at * step, taps = [];
    for (let from = Math.floor(start / pixel); from * pixel < start + step; from++) {
      const weight = Math.min(start + step, (from + 1) * pixel) - Math.max(start, from * pixel);
      if (weight > 0) taps.push([from, weight]);
    }
    return taps;
  });
}

/** Taps that add up to 1: bilinear between centres going up, shares of the area going down. */
function shares(source, target) {
  if (target <= source) {
    return overlaps(source, target).map((taps) => {
      const sum = taps.reduce((all, [, weight]) => all + weight, 0);
      return taps.map(([place, weight]) => [place, weight / sum]);
    });
  }
  return Array.from({ length: target }, (_, at) => {
    const centre = Math.min(source - 1, Math.max(0, ((at + 0.5) * source) / target - 0.5)), low = Math.floor(centre), part = centre - low;
    return part > 0 ? [[low, 1 - part], [low + 1, part]] : [[low, 1]];
  });
}

const kept = new Map();
function taps(kind, source, target) {
  const key = `${kind.name} ${source} ${target}`;
  if (!kept.has(key)) kept.set(key, kind(source, target));
  return kept.get(key);
}

/** A grey frame (height * width) as size * size: padded with black to a centred square, the mean of what each pixel covers. */
export function fit(frame, height, width, size) {
  if (height === size && width === size) return frame;
  const side = Math.max(height, width), all = (side / gcd(side, size)) ** 2, table = taps(overlaps, side, size);
  const [top] = middle(side, height), [left] = middle(side, width);
  const across = new Float64Array(height * size), made = new Uint8Array(size * size);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (const [from, weight] of table[x]) {
        const at = from - left;
        if (at >= 0 && at < width) sum += weight * frame[y * width + at];
      }
      across[y * size + x] = sum;
    }
  }
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (const [from, weight] of table[y]) {
        const at = from - top;
        if (at >= 0 && at < height) sum += weight * across[at * size + x];
      }
      made[y * size + x] = Math.floor((2 * sum + all) / (2 * all));
    }
  }
  return made;
}

/** Probabilities (size * size) at a frame's own size; what lay in the black padding is cut off. */
export function unfit(mask, size, height, width) {
  if (height === size && width === size) return mask;
  const side = Math.max(height, width), table = taps(shares, size, side), [top] = middle(side, height), [left] = middle(side, width);
  const across = new Float32Array(size * width), made = new Float32Array(height * width);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [from, weight] of table[x + left]) sum += weight * mask[y * size + from];
      across[y * width + x] = sum;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [from, weight] of table[y + top]) sum += weight * across[from * width + x];
      made[y * width + x] = sum;
    }
  }
  return made;
}
