// The clips as this page works on them alone: the same functions as `server.js`, and no server.
import { decoded, KINDS } from "./decode.js";
import { measuresOf } from "./measure.js";
import { npz } from "./npz.js";
import { areaOf, runsOf } from "./runs.js";
import { student } from "./student.js";

export const alone = true;

let models = [];
const cardOf = (clip) => models.find(({ name }) => name === clip.model) ?? models[0];

export async function about() {
  models = await (await fetch(new URL("../models/models.json", import.meta.url))).json();
  return {
    models, drawing: null, no_drawing: "Hearts whose truth is known are drawn by echodfkd serve, not in the browser alone.",
    kinds: `${KINDS}. See the outline beat: everything happens in this browser.`,
    privacy: "A clip never leaves this browser. Nothing here checks the view: the verdict needs echodfkd serve.",
  };
}

/** What a file is called on the page; of DICOM the name may be the patient's. */
export const nameOf = async (file, number) => (/\.(dcm|dicom)$/i.test(file.name) || (await file.slice(128, 132).text()) === "DICM" ? `DICOM clip ${number}` : file.name);

let last = Promise.resolve();

/** Decodes a file and finds its masks, one clip after another; the clip hears what a server would tell. */
export function upload(clip, file, model) {
  return (last = last.then(() => tried(clip, async () => {
    const { frames, height, width, fps, times } = await decoded(file);
    Object.assign(clip, { frames, times, model });
    await found(clip, { height, width, fps });
  })));
}

/** The same clip by another model. */
export function again(clip, of, model) {
  return (last = last.then(() => tried(clip, async () => {
    Object.assign(clip, { frames: of.frames, times: of.times, model });
    await found(clip, of);
  })));
}

async function tried(clip, work) {
  try {
    await work();
  } catch (error) {
    clip.hear({ kind: "failed", words: error.message });
  }
}

async function found(clip, { height, width, fps }) {
  const card = cardOf(clip);
  clip.hear({ kind: "opened", height, width, fps, structures: card.structures, part: null, spacing: null, dicom: false });
  const runner = await student(card);
  let rested = performance.now();
  const told = (sure) => async (frame, masks) => {
    const runs = Object.fromEntries(Object.entries(masks).map(([name, mask]) => [name, runsOf(mask)]));
    clip.hear({ kind: "masks", sure, masks: [{ frame, runs, area: areaOf(runs.lv) }] });
    if (performance.now() - rested > 30) {               // the page is drawn in between
      await new Promise((then) => setTimeout(then));
      rested = performance.now();
    }
  };
  await runner.segment({ frames: clip.frames, height, width }, told(false), told(true));
  clip.hear({ kind: "done", measures: measuresOf(clip, card) });
}

/** Measures of the clip as it is corrected. */
export const correct = async (clip) => measuresOf(clip, cardOf(clip));

export const draw = null;

/** The masks of a clip, or what they say, as a file that this page makes; other files need Python. */
export function fileOf(clip, what) {
  if (!(what in MADE) || clip.state !== "done") return "";
  if (clip.files?.of !== clip.measures) {
    forget(clip);
    clip.files = { of: clip.measures };
  }
  return (clip.files[what] ??= URL.createObjectURL(MADE[what](clip)));
}

const MADE = {
  "masks.npz": (clip) => {
    const each = clip.height * clip.width, arrays = {}, { corrected } = clip.measures;
    for (const name of clip.structures) {
      const values = new Uint8Array(each * clip.count);
      for (let frame = 0; frame < clip.count; frame++) values.set(clip.mask(frame, name), frame * each);
      arrays[name === "lv" ? "masks" : name] = [[clip.count, clip.height, clip.width], values];
    }
    if (corrected) arrays.corrected = [[corrected.outlines.length], BigInt64Array.from(corrected.outlines, BigInt)];
    return npz(arrays);
  },
  "measures.json": ({ name, measures: { beats, seconds, fps_assumed, ...measures } }) =>
    new Blob([JSON.stringify({ name, ...measures }, null, 1)], { type: "application/json" }),
};
export const zipOf = () => "";
export const forget = ({ files }) => Object.values(files ?? {}).forEach((one) => typeof one === "string" && URL.revokeObjectURL(one));
