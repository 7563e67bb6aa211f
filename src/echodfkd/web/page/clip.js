// What is known of one clip: frames, masks, measures, and what somebody corrected. Tells its listeners when that changes.
import { areaOf, maskOf } from "./runs.js";

export class Clip extends EventTarget {
  constructor(name) {
    super();
    Object.assign(this, {
      name, id: null, height: 0, width: 0, fps: null, structures: ["lv"], part: null, frames: [], runs: [], area: [], sure: false,
      measures: null, found: null, truth: null, state: "sending", words: "", progress: 0, model: "", changes: { outlines: {} },
      other: null, isDicom: false, times: null, spacing: null, done: 0, history: [],
    });
  }

  changed(what = "state") {
    this.dispatchEvent(new CustomEvent("change", { detail: what }));
  }

  get count() { return Math.max(this.frames.length, this.measures?.frames ?? 0); }
  get refused() { return this.measures?.verdict === "refused"; }
  get edited() { return Object.keys(this.changes.outlines).length > 0 || !!this.changes.ed_frames; }

  /** Takes in one message of the worker. */
  hear(message) {
    if (message.kind === "waiting") {
      this.state = "waiting";
      this.words = message.place > 1 ? `Waiting, ${message.place - 1} before it` : "Waiting";
    } else if (message.kind === "opened") {
      const { height, width, fps, structures, part, dicom, spacing } = message;
      Object.assign(this, { height, width, fps, structures, part, spacing, isDicom: dicom, state: "working", words: "Reading" });
    } else if (message.kind === "masks") {
      for (const { frame, runs, area } of message.masks) {
        this.runs[frame] = runs;
        this.area[frame] = area;
      }
      this.done = (this.sure === message.sure ? this.done : 0) + message.masks.length;
      this.sure = message.sure;
      this.state = "working";
      this.words = message.sure ? "Second look" : "First look";
    } else if (message.kind === "done") {
      this.measures = this.found = message.measures;
      this.truth = message.truth ?? null;
      this.state = "done";
      this.words = "";
    } else if (message.kind === "failed") {
      this.state = "failed";
      this.words = message.words;
    }
    this.changed(message.kind);
  }

  /** The mask of a structure on a frame, 0 or 1 (height * width); null where it is not known. */
  mask(frame, structure = "lv") {
    const runs = (structure === "lv" && this.changes.outlines[frame]) || this.runs[frame]?.[structure];
    return runs ? maskOf(runs, this.height * this.width) : null;
  }

  /** Seconds of a frame from the first. */
  seconds(frame) {
    return this.measures?.seconds?.[frame] ?? this.times?.[frame] ?? frame / (this.fps || 50);
  }

  /** The area of the ventricle on every frame, as far as it is known. */
  areas() {
    const area = this.measures ? [...this.measures.area_px] : [...this.area];
    for (const [frame, runs] of Object.entries(this.changes.outlines)) area[frame] = areaOf(runs);
    return area;
  }
}
