// A student by onnxruntime-web, as echodfkd/student/student.py runs it: a warm-up, a pass, and with hindsight another one.
import { largestPiece } from "./pieces.js";
import { fit, unfit } from "./resize.js";

let runtime = null;
const loaded = new Map();

/** The runtime from local files, on one thread: a step is too small to share. */
async function ort() {
  if (!runtime) {
    runtime = await import("../ort/ort.wasm.min.mjs");
    runtime.env.wasm.wasmPaths = new URL("../ort/", import.meta.url).href;
    runtime.env.wasm.numThreads = 1;
  }
  return runtime;
}

/** The model of that name, whose card is given. */
export async function student(card) {
  if (!loaded.has(card.name)) {
    const { InferenceSession } = await ort();
    loaded.set(card.name, InferenceSession.create(new URL(`../models/${card.name}.onnx`, import.meta.url).href, { executionProviders: ["wasm"] }));
  }
  return new Student(card, await loaded.get(card.name), runtime.Tensor);
}

class Student {
  constructor(card, session, Tensor) {
    Object.assign(this, { card, session, Tensor });
  }

  start() {
    return this.card.states.map(({ name, shape }) => [name, new this.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)]);
  }

  /** Probabilities (structure * size * size) of a frame at the working size, and the next state; none in a frame of one grey level: no view is checked here. */
  async step(frame, state) {
    const { size } = this.card, given = Object.fromEntries(state);
    given.frame = new this.Tensor("uint8", frame, [1, 1, size, size]);
    const found = await this.session.run(given);
    const { data } = found.probabilities, blank = frame.every((grey) => grey === frame[0]);
    return [blank ? new Float32Array(data.length) : data, state.map(([name]) => [name, found[`next_${name}`]])];
  }

  /** A pass over frames of the working size; `heard` gets each frame's probabilities. */
  async pass(frames, heard) {
    let state = this.start();
    for (const at of reflected(frames.length, this.card.warm_up)) [, state] = await this.step(frames[at], state);
    for (let at = 0; at < frames.length; at++) {
      let probabilities;
      [probabilities, state] = await this.step(frames[at], state);
      await heard(at, probabilities);
    }
  }

  /** Masks of a clip: `early(frame, masks)` by the first of two passes, `sure(frame, masks)` as they stay. */
  async segment({ frames, height, width }, early, sure) {
    if (frames.length === 1) return sure(0, this.cut(await this.still(frames[0], height, width), height, width));
    const { card } = this, small = frames.map((frame) => fit(frame, height, width, card.size));
    const first = [], last = frames.length - 1;
    await this.pass(small, async (at, probabilities) => {
      if (card.hindsight) first[at] = probabilities.slice();
      await (card.hindsight ? early : sure)(at, this.cut(this.own(probabilities, height, width), height, width));
    });
    if (!card.hindsight) return;
    const zoom = card.hindsight_zoom, near = zoom === 1 ? small : frames.map((frame) => fit(frame, height, width, card.size, zoom));
    await this.pass(near.reverse(), async (at, probabilities) => {
      const before = first[last - at];
      const own = () => {
        const seen = this.own(probabilities, height, width, zoom);
        return this.own(before, height, width).map((plain, number) => mean(plain, seen[number]));
      };
      await sure(last - at, this.cut(zoom === 1 ? this.own(mean(before, probabilities), height, width) : own(), height, width));
    });
  }

  /** Probabilities (height * width) by structure of one frame alone, all looks averaged; beyond a look's border the plain one counts. */
  async still(frame, height, width) {
    const { looks, size, structures } = this.card, total = [];
    let plain;
    for (const zoom of [1, ...looks]) {
      let found;
      await this.pass([fit(frame, height, width, size, zoom)], (_, probabilities) => (found = this.own(probabilities, height, width, zoom)));
      plain ??= found.map((own) => own.slice());
      found.forEach((own, number) => (total[number] = own.map((value, at) => (total[number]?.[at] ?? 0) + (value === value ? value : plain[number][at]))));
    }
    return structures.map((_, number) => total[number].map((value) => value / (1 + looks.length)));
  }

  /** Probabilities at the working size at the frame's own (height * width), by structure. */
  own(probabilities, height, width, zoom = 1) {
    const { size, structures } = this.card;
    return structures.map((_, number) => unfit(probabilities.subarray(number * size * size, (number + 1) * size * size), size, height, width, zoom));
  }

  /** Masks 0 or 1 (height * width) by structure, cut at the threshold. */
  cut(probabilities, height, width) {
    const { threshold, structures, largest_component: largest } = this.card, cut = Math.fround(threshold);
    return Object.fromEntries(structures.map((name, number) => {
      const mask = Uint8Array.from(probabilities[number], (value) => (value >= cut ? 1 : 0));
      return [name, largest ? largestPiece(mask, height, width) : mask];
    }));
  }
}

/** The mean of what two passes say; where the second saw nothing (NaN), what the first says. */
const mean = (first, second) => first.map((value, at) => (second[at] === second[at] ? Math.fround(0.5 * (value + second[at])) : value));

/** Frames to run before the first: the clip's start, mirrored. */
function reflected(length, warmUp) {
  if (length < 2) return Array(warmUp * length).fill(0);
  const period = 2 * (length - 1);
  return Array.from({ length: warmUp }, (_, number) => {
    const back = (warmUp - number) % period;
    return Math.min(back, period - back);
  });
}
