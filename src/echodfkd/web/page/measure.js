// What a clip's masks say, as echodfkd/measure has it: ED and ES, volumes by discs, ejection fraction, heart rate.
// What the view is, how sure the outline is and what else a verdict looks at is not here: see UNCHECKED.
import { largestPiece } from "./pieces.js";
import { areaOf } from "./runs.js";

const ASSUMED_FPS = 50, POSSIBLE_FPS = [2, 500], HEART_RATES = [30, 180];
const SMOOTHING_S = 0.04, PROMINENCE = 0.3, DISTANCE_S = 0.33, LEAST_RANGE = 0.02; // beats.py
const STEADY_S = 0.02, DISCS = 20, MOST_EJECTED = 90; // ejection.py
const EMPTY_SHARE = 0.5; // verdict.py

export const UNCHECKED = [
  "whether this is an apical four-chamber view, and the outline that of a ventricle, is not looked at here",
  "outline, area, ED and ES are those that the server finds, to a frame: see for yourself whether they are right",
  "black frames, a picture that stands still and colour Doppler are not noticed here",
  "trust the ejection fraction only of a four-chamber clip whose outline you find right at ED and ES",
  "interval, volumes in ml and verdict need echodfkd serve",
];

/** What the masks of a clip say, with what somebody corrected, for the card of the model that made them. */
export function measuresOf(clip, card) {
  const { fps, times } = clip, frames = clip.frames.length;
  const runs = (frame) => clip.changes.outlines[frame] ?? clip.runs[frame].lv;
  const area = Array.from({ length: frames }, (_, frame) => areaOf(runs(frame)));
  const believed = fps > POSSIBLE_FPS[0] && fps <= POSSIBLE_FPS[1] ? fps : null, rate = believed ?? ASSUMED_FPS;
  const even = isEven(times), empty = area.filter((one) => one === 0).length, { changes } = clip;
  const found = !even ? { ed: [], es: [], crowded: false } : changes.ed_frames
    ? { ed: changes.ed_frames, es: changes.es_frames, crowded: false } : eventsOf(area, rate);
  const none = empty > EMPTY_SHARE * frames ? `no ventricle found on ${empty} of ${frames} frames`
    : frames === 1 ? "a still image: there is no beat to measure"
    : !even ? "its frames do not come evenly: only the server measures beats in such a clip"
    : !beatsOf(found).length ? "no complete beat in the clip" : "";
  const [slope, offset] = card.ejection, plain = slope === 1 && offset === 0;
  const line = (one) => (plain ? one : Math.min(100, Math.max(0, slope * one + offset)));
  const following = (es) => believed && rateOf([es, ...found.es.filter((one) => one > es).slice(0, 1)], rate);
  const beats = none ? [] : fractionsOf(clip, beatsOf(found), rate).map((beat) => ({
    ...beat, ejection_fraction: beat.by_discs > MOST_EJECTED ? null : line(beat.by_discs), heart_rate: whole(following(beat.es)),
  }));
  const heartRate = believed && !found.crowded ? rateOf(found.es.length >= found.ed.length ? found.es : found.ed, rate) : null;
  const perBeat = beats.map((beat) => beat.ejection_fraction), discs = beats.map((beat) => beat.by_discs);
  const far = discs.length && median(discs) > MOST_EJECTED;
  const refused = far ? `the volume by discs falls by ${median(discs).toFixed(1)} %, a heart's by ${MOST_EJECTED} % at most` : none;
  return {
    frames, fps: believed, area_px: area, ed_frames: found.ed, es_frames: found.es,
    ejection_fraction: discs.length && !far ? line(median(discs)) : null, ejection_interval: null,
    ejection_fraction_per_beat: perBeat, ejection_fraction_by_discs: discs.length && !far ? median(discs) : null,
    ejection_line: card.ejection,
    heart_rate: heartRate, verdict: refused ? "refused" : "unchecked",
    reasons: refused ? [refused] : [...(believed ? [] : [`frame rate unknown, ${ASSUMED_FPS} per second assumed`]), ...UNCHECKED],
    ...(clip.edited ? { corrected: { outlines: Object.keys(changes.outlines).map(Number), events: !!changes.ed_frames } } : {}),
    model: card.identity, beats, seconds: times, fps_assumed: !believed && frames > 1,
  };
}

/** ED and ES frames of an area curve at a rate (Hz), and whether its dips are closer together than beats can be. */
export function eventsOf(area, rate) {
  const curve = smoothed(area, rate, SMOOTHING_S), low = percentile(curve, 5), high = percentile(curve, 95);
  const mean = curve.reduce((sum, one) => sum + one, 0) / curve.length;
  if (area.length < 3 || high - low <= LEAST_RANGE * Math.max(mean, 1e-9)) return { ed: [], es: [], crowded: false };
  const rise = PROMINENCE * (high - low), distance = Math.max(1, DISTANCE_S * rate), edge = Math.max(1, rounded(SMOOTHING_S * rate));
  const upside = curve.map((one) => -one), es = peaks(upside, rise, distance), all = peaks(upside, rise, 1), bounds = [0, ...es];
  const highest = (start, stop) => curve.slice(start, stop).reduce((best, one, at, of) => (one > of[best] ? at : best), 0) + start;
  const ed = es.map((stop, number) => highest(bounds[number], stop)), last = highest(bounds.at(-1), curve.length);
  if (es.length && curve[last] - Math.min(...curve.slice(last)) >= rise) ed.push(last);
  const steps = all.slice(1).map((one, number) => one - all[number]);
  return { ed: ed.filter((one) => one >= edge && one < curve.length - edge), es, crowded: steps.length > 1 && median(steps) < distance };
}

/** Volume of a mask by the single-plane method of discs, in cubic pixels. */
export function discVolume(mask, height, width) {
  const piece = largestPiece(mask, height, width), points = [];
  for (let at = 0; at < piece.length; at++) if (piece[at]) points.push([Math.floor(at / width), at % width]);
  if (!points.length) return 0;
  const { centre, along, across } = axisOf(points), [a0, a1] = extent(points, centre, along), [c0, c1] = extent(points, centre, across);
  const length = a1 - a0 + 1, each = Math.max(1, rounded((4 * length) / DISCS)), rows = DISCS * each;
  const low = c0 - Math.SQRT2, columns = Math.ceil(4 * (c1 - c0 + 2 * Math.SQRT2)), step = (c1 - c0 + 2 * Math.SQRT2) / columns;
  const inside = (y, x) => (y >= 0 && x >= 0 && y < height && x < width ? piece[y * width + x] : 0);
  let sum = 0;
  for (let disc = 0; disc < DISCS; disc++) {
    let diameter = 0;
    for (let row = disc * each; row < (disc + 1) * each; row++) {
      const ahead = (a0 + a1) / 2 + length * ((row + 0.5) / rows - 0.5);
      for (let column = 0; column < columns; column++) {
        const aside = low + step * (column + 0.5);
        const y = centre[0] + ahead * along[0] + aside * across[0], x = centre[1] + ahead * along[1] + aside * across[1];
        const [top, left] = [Math.floor(y), Math.floor(x)], [down, right] = [y - top, x - left];
        const upper = inside(top, left) + right * (inside(top, left + 1) - inside(top, left));
        const lower = inside(top + 1, left) + right * (inside(top + 1, left + 1) - inside(top + 1, left));
        diameter += upper + down * (lower - upper);
      }
    }
    sum += ((diameter * step) / each) ** 2;
  }
  return ((Math.PI / 4) * sum * length) / DISCS;
}

/** Complete contractions: each ES with the last ED before it and after the ES before it. */
function beatsOf({ ed, es }) {
  const pairs = es.map((stop, number) => ({ ed: ed.findLast((one) => one < stop && one > (number ? es[number - 1] : -1)), es: stop }));
  return pairs.filter((beat) => beat.ed !== undefined);
}

/** How far each beat empties the ventricle, in percent: each volume is the median over the frames around its event. */
function fractionsOf(clip, beats, rate) {
  const kept = new Map(), reach = rounded(STEADY_S * rate), last = clip.frames.length - 1;
  const at = (frame) => {
    if (!kept.has(frame)) kept.set(frame, discVolume(clip.mask(frame), clip.height, clip.width));
    return kept.get(frame);
  };
  const steady = (event) => {
    const around = [];
    for (let frame = Math.max(0, event - reach); frame <= Math.min(last, event + reach); frame++) around.push(at(frame));
    return median(around);
  };
  const told = beats.map(({ ed, es }) => ({ ed, es, full: steady(ed), left: steady(es) })).filter(({ full }) => full > 0);
  return told.map(({ ed, es, full, left }) => ({ ed, es, by_discs: (100 * (full - left)) / full }));
}

/** Beats per minute, null where there are fewer than two or it is not to be believed. */
function rateOf(events, rate) {
  if (events.length < 2) return null;
  const found = (60 * rate) / median(events.slice(1).map((one, number) => one - events[number]));
  return found >= HEART_RATES[0] && found <= HEART_RATES[1] ? found : null;
}

/** Whether frames come evenly, but for what a GIF's hundredths of a second are rounded by. */
function isEven(times) {
  const span = times.at(-1) - times[0], step = span / (times.length - 1);
  return times.every((time, number) => Math.abs(time - times[0] - number * step) <= Math.min(0.6 * step, 0.0151));
}

/** The main axis of points (y, x): their middle, and unit directions along and across it. */
function axisOf(points) {
  const count = points.length, centre = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / count);
  let [yy, xx, yx] = [0, 0, 0];
  for (const [y, x] of points) {
    yy += (y - centre[0]) ** 2;
    xx += (x - centre[1]) ** 2;
    yx += (y - centre[0]) * (x - centre[1]);
  }
  const angle = 0.5 * Math.atan2(2 * yx, yy - xx), along = [Math.cos(angle), Math.sin(angle)];
  return { centre, along, across: [-along[1], along[0]] };
}

function extent(points, centre, direction) {
  let [low, high] = [Infinity, -Infinity];
  for (const [y, x] of points) {
    const at = (y - centre[0]) * direction[0] + (x - centre[1]) * direction[1];
    low = Math.min(low, at);
    high = Math.max(high, at);
  }
  return [low, high];
}

function smoothed(curve, rate, seconds) {
  const sigma = seconds * rate, reach = Math.floor(4 * sigma + 0.5), last = curve.length - 1;
  const weights = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-0.5 * ((at - reach) / sigma) ** 2));
  const whole = weights.reduce((sum, one) => sum + one, 0);
  const held = (at) => curve[Math.min(last, Math.max(0, at))];
  return curve.map((_, here) => weights.reduce((sum, one, at) => sum + one * held(here + at - reach), 0) / whole);
}

function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b), place = (percent / 100) * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

const whole = (value) => value && Math.round(value);

const median = (values) => percentile(values, 50);

/** The peaks of a curve that are at least `distance` apart, the higher first, and then stand out by `prominence`. */
function peaks(curve, prominence, distance) {
  const found = [], kept = [];
  for (let start = 1, stop; start < curve.length - 1; start = stop) {
    for (stop = start + 1; stop < curve.length && curve[stop] === curve[start];) stop++;
    const high = stop < curve.length && curve[start - 1] < curve[start] && curve[stop] < curve[start];
    if (high) found.push(Math.floor((start + stop - 1) / 2));
  }
  for (const peak of found.sort((a, b) => curve[b] - curve[a] || b - a)) {
    if (kept.every((other) => Math.abs(peak - other) >= Math.ceil(distance))) kept.push(peak);
  }
  return kept.filter((peak) => standing(curve, peak) >= prominence).sort((a, b) => a - b);
}

/** How far a peak stands above the higher of the two lowest points on the ways to higher ground, or to the ends. */
function standing(curve, peak) {
  const lowest = (by) => {
    let low = curve[peak];
    for (let at = peak; at >= 0 && at < curve.length && curve[at] <= curve[peak]; at += by) low = Math.min(low, curve[at]);
    return low;
  };
  return curve[peak] - Math.max(lowest(-1), lowest(1));
}

/** To the nearest whole number, halves to the even one, as Python rounds. */
function rounded(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}
