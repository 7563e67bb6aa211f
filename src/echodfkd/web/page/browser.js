// The clips as this page works on them alone: the same functions as `server.js`, and no server.
import { decoded, KINDS } from "./decode.js";
import { npz } from "./npz.js";
import { areaOf, runsOf } from "./runs.js";
import { student } from "./student.js";

export const alone = true;
export const correct = null; // measures are Python's: here are masks and their area

let models = [];

export async function about() {
  models = await (await fetch(new URL("../models/models.json", import.meta.url))).json();
  return {
    models, drawing: null,
    kinds: `${KINDS}. See the outline beat: everything happens in this browser.`,
    privacy: "A clip never leaves this browser. Ejection fraction and verdict need `echodfkd serve`.",
  };
}

/** What a file is called on the page; of DICOM the name may be the patient's. */
export const nameOf = async (file, number) => (/\.(dcm|dicom)$/i.test(file.name) || (await file.slice(128, 132).text()) === "DICM" ? `DICOM clip ${number}` : file.name);

let last = Promise.resolve();

/** Decodes a file and finds its masks, one clip after another; the clip hears what a server would tell. */
export function upload(clip, file, model) {
  return (last = last.then(() => tried(clip, async () => {
    const { frames, height, width, fps, times } = await decoded(file);
    Object.assign(clip, { frames, times });
    await found(clip, { height, width, fps }, model);
  })));
}

/** The same clip by another model. */
export function again(clip, of, model) {
  return (last = last.then(() => tried(clip, async () => {
    Object.assign(clip, { frames: of.frames, times: of.times });
    await found(clip, of, model);
  })));
}

async function tried(clip, work) {
  try {
    await work();
  } catch (error) {
    clip.hear({ kind: "failed", words: error.message });
  }
}

async function found(clip, { height, width, fps }, model) {
  const card = models.find(({ name }) => name === model) ?? models[0];
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
  clip.hear({ kind: "done", measures: null });
}

export const draw = null;

/** The masks of a clip as a file that this page makes; other files need Python. */
export function fileOf(clip, what) {
  if (what !== "masks.npz" || clip.state !== "done") return "";
  const each = clip.height * clip.width, arrays = {};
  for (const name of clip.structures) {
    const values = new Uint8Array(each * clip.count);
    for (let frame = 0; frame < clip.count; frame++) values.set(clip.mask(frame, name), frame * each);
    arrays[name === "lv" ? "masks" : name] = [[clip.count, clip.height, clip.width], values];
  }
  return (clip.file ??= URL.createObjectURL(npz(arrays)));
}
export const zipOf = () => "";
export const forget = (clip) => clip.file && URL.revokeObjectURL(clip.file);
