// Frames to the working square and masks back, as echodfkd/resize.py does it, tap by tap and in the same order.

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
/** Where a side of `length` begins in a centred square: below 0 where it is longer. */
const begin = (side, length) => (side < length ? -Math.floor((length - side) / 2) : Math.floor((side - length) / 2));
const seen = (height, width, zoom) => Math.max(1, Math.round(Math.max(height, width) / zoom));

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

/** A grey frame (height * width) as size * size: a centred square, smaller by the zoom and black beyond the frame, the mean of what each pixel covers. */
export function fit(frame, height, width, size, zoom = 1) {
  const side = seen(height, width, zoom), all = (side / gcd(side, size)) ** 2, table = taps(overlaps, side, size);
  if (height === size && width === size && side === size) return frame;
  const top = begin(side, height), left = begin(side, width);
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

/** Probabilities (size * size) at a frame's own size; what lay in the black padding is cut off, what a zoom cut off is NaN. */
export function unfit(mask, size, height, width, zoom = 1) {
  const side = seen(height, width, zoom), table = taps(shares, size, side), top = begin(side, height), left = begin(side, width);
  if (height === size && width === size && side === size) return mask;
  const across = new Float32Array(size * width), made = new Float32Array(height * width).fill(NaN);
  const [rows, columns] = [[top, height], [left, width]].map(([from, length]) => [Math.max(0, -from), Math.min(length, side - from)]);
  for (let y = 0; y < size; y++) {
    for (let x = columns[0]; x < columns[1]; x++) {
      let sum = 0;
      for (const [from, weight] of table[x + left]) sum += weight * mask[y * size + from];
      across[y * width + x] = sum;
    }
  }
  for (let y = rows[0]; y < rows[1]; y++) {
    for (let x = columns[0]; x < columns[1]; x++) {
      let sum = 0;
      for (const [from, weight] of table[y + top]) sum += weight * across[from * width + x];
      made[y * width + x] = sum;
    }
  }
  return made;
}
