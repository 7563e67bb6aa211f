// The ventricle's area over time, in step with the clip: events, beats, cursor. Events can be dragged when they may be.
import { COLOURS, OTHER, TRUTH } from "./picture.js";

const PAD = { left: 12, right: 12, top: 36, bottom: 22 };
const REACH = 12; // CSS pixels from which a mark is taken hold of

export class Curve extends EventTarget {
  constructor(canvas) {
    super();
    Object.assign(this, { canvas, clip: null, frame: 0, other: null, movable: false, held: null });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => this.up());
  }

  get span() { return [0, Math.max(this.clip.seconds(this.clip.count - 1), 1e-6)]; }

  x(frame) {
    const wide = this.canvas.clientWidth - PAD.left - PAD.right;
    return PAD.left + (this.clip.seconds(frame) / this.span[1]) * wide;
  }

  /** The frame nearest to a pointer. */
  frameAt(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    let best = 0;
    for (let frame = 1; frame < this.clip.count; frame++) if (Math.abs(this.x(frame) - x) < Math.abs(this.x(best) - x)) best = frame;
    return best;
  }

  marks() {
    const told = this.clip?.measures;
    if (!told) return [];
    const { ed_frames: ed, es_frames: es } = told;
    return [...ed.map((frame) => ({ kind: "ed", frame })), ...es.map((frame) => ({ kind: "es", frame }))];
  }

  down(event) {
    if (!this.clip?.count) return;
    this.canvas.setPointerCapture(event.pointerId);
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    const near = this.movable ? this.marks().filter((mark) => Math.abs(this.x(mark.frame) - x) < REACH) : [];
    near.sort((a, b) => Math.abs(this.x(a.frame) - x) - Math.abs(this.x(b.frame) - x));
    this.held = near[0] ? { ...near[0], from: near[0].frame } : { kind: "cursor" };
    this.move(event);
  }

  move(event) {
    if (!this.held) return;
    const frame = this.frameAt(event);
    this.held.frame = frame;
    this.dispatchEvent(new CustomEvent("seek", { detail: frame }));
  }

  up() {
    const { held } = this;
    this.held = null;
    if (held && held.kind !== "cursor" && held.frame !== held.from) this.dispatchEvent(new CustomEvent("moved", { detail: held }));
    this.draw();
  }

  draw() {
    const { canvas, clip } = this, pen = canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
    const [w, h] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(w * ratio)) canvas.width = Math.round(w * ratio);
    if (canvas.height !== Math.round(h * ratio)) canvas.height = Math.round(h * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    if (!clip?.count) return;
    const style = getComputedStyle(canvas), ink = style.color, soft = style.getPropertyValue("--soft");
    const area = clip.areas(), others = this.other?.areas() ?? [], truth = clip.truth?.area_px ?? [];
    const known = [...area, ...others, ...truth].filter((value) => value !== undefined);
    const high = Math.max(1, ...known), low = 0.92 * Math.min(high, ...known);
    const y = (value) => PAD.top + (1 - (value - low) / (high - low || 1)) * (h - PAD.top - PAD.bottom);
    this.beats(pen, h);
    const line = (values, colour, width, dash = []) => {
      pen.beginPath();
      let begun = false;
      for (let frame = 0; frame < clip.count; frame++) {
        if (values[frame] === undefined) { begun = false; continue; }
        pen[begun ? "lineTo" : "moveTo"](this.x(frame), y(values[frame]));
        begun = true;
      }
      Object.assign(pen, { strokeStyle: colour, lineWidth: width, lineJoin: "round" });
      pen.setLineDash(dash);
      pen.stroke();
      pen.setLineDash([]);
    };
    if (others.length) this.between(pen, area, others, y);
    if (truth.length) line(truth, TRUTH, 1.5, [5, 4]);
    if (others.length) line(others, OTHER, 2);
    line(area, COLOURS.lv, 2.2);
    for (const mark of this.marks()) {
      const frame = this.held && this.held.kind === mark.kind && this.held.from === mark.frame ? this.held.frame : mark.frame;
      this.mark(pen, mark.kind, this.x(frame), y(area[frame] ?? low), ink);
    }
    pen.fillStyle = soft;
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "bottom";
    pen.textAlign = "left";
    const over = `area, 0 to ${this.span[1].toFixed(1)} s${clip.measures?.fps_assumed ? " (50 frames a second assumed)" : ""}`;
    pen.fillText(clip.count > 1 ? over : `a still: ${area[0] ?? 0} pixels inside`, PAD.left, h - 4);
    const at = this.x(this.frame);
    pen.fillStyle = ink;
    pen.fillRect(at - 0.75, 18, 1.5, h - 36); // below the names of events
    if (area[this.frame] !== undefined) {
      pen.beginPath();
      pen.arc(at, y(area[this.frame]), 4, 0, 7);
      pen.fill();
    }
  }

  /** The beat under the cursor as a band. */
  beats(pen, h) {
    const beat = beatAt(this.clip, this.frame);
    if (!beat) return;
    const [from, to] = beat.span.map((frame) => this.x(frame));
    pen.fillStyle = "rgb(86 180 233 / 0.14)";
    pen.fillRect(from, 1, to - from, h - 2);
  }

  between(pen, first, second, y) {
    for (let frame = 0; frame + 1 < this.clip.count; frame++) {
      const four = [first[frame], first[frame + 1], second[frame + 1], second[frame]];
      if (four.includes(undefined)) continue;
      pen.fillStyle = first[frame] > second[frame] ? "rgb(86 180 233 / 0.3)" : "rgb(230 159 0 / 0.3)";
      pen.beginPath();
      four.forEach((value, corner) => pen[corner ? "lineTo" : "moveTo"](this.x(frame + (corner === 1 || corner === 2 ? 1 : 0)), y(value)));
      pen.fill();
    }
  }

  mark(pen, kind, x, y, ink) {
    const up = kind === "ed" ? -1 : 1, tip = y + up * 5;
    pen.fillStyle = kind === "ed" ? TRUTH : OTHER;
    pen.strokeStyle = "#0d1217";
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, tip);
    pen.lineTo(x - 6, tip + up * 10);
    pen.lineTo(x + 6, tip + up * 10);
    pen.closePath();
    pen.fill();
    pen.stroke();
    pen.fillStyle = ink;
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.fillText(kind.toUpperCase(), x, 3);
  }
}

/** The beat that a frame belongs to, with its first and last frame: from its ED to the next ED, or the clip's end. */
export function beatAt(clip, frame) {
  const beats = clip?.measures?.beats ?? [], eds = clip?.measures?.ed_frames ?? [];
  for (const [number, beat] of beats.entries()) {
    const next = eds.find((ed) => ed > beat.es) ?? clip.count - 1;
    if (frame >= beat.ed && frame < next) return { ...beat, number, span: [beat.ed, next] };
  }
  return null;
}
