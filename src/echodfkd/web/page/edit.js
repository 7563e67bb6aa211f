// Mending what the model found: events on the curve, the outline on a frame.
import { correct } from "./backend.js";
import { COLOURS } from "./picture.js";
import { runsOf } from "./runs.js";

export class Editor extends EventTarget {
  constructor(picture, curve, player) {
    super();
    Object.assign(this, { picture, curve, player, on: false, tool: "push", brush: 6, stroke: null, pending: Promise.resolve(), busy: 0 });
    const { canvas } = picture;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => this.up());
    curve.addEventListener("moved", ({ detail }) => this.moved(detail));
    picture.extra = (pen, at, ratio, line) => this.draw(pen, at, ratio, line);
  }

  get clip() { return this.player.clip; }

  /** Begins or ends; only a clip that is done can be mended. */
  set(on) {
    this.on = on && this.clip?.state === "done";
    this.curve.movable = this.on;
    if (this.on) this.player.pause();
    this.dispatchEvent(new Event("state"));
  }

  down(event) {
    if (!this.on || event.button > 0) return;
    this.player.pause();
    this.picture.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.picture.under(event), { clip } = this, frame = this.player.frame;
    const mask = clip.mask(frame) ?? new Uint8Array(clip.height * clip.width);
    const inside = mask[Math.floor(y) * clip.width + Math.floor(x)] ?? 0;
    this.stroke = { mask, frame, inside, points: [[x, y]], last: [x, y] };
    if (this.tool === "push") this.dab(x, y);
    this.shown();
  }

  move(event) {
    this.hover = this.on ? this.picture.under(event) : null;
    const every = event.getCoalescedEvents?.() ?? [];                // a busy browser tells several moves as one
    if (this.stroke) for (const one of every.length ? every : [event]) this.drag(...this.picture.under(one));
    if (this.on) this.shown();
  }

  drag(x, y) {
    const { stroke } = this;
    stroke.points.push([x, y]);
    if (this.tool === "push") {
      const [fx, fy] = stroke.last, steps = Math.max(1, Math.ceil(Math.hypot(x - fx, y - fy)));
      for (let step = 1; step <= steps; step++) this.dab(fx + ((x - fx) * step) / steps, fy + ((y - fy) * step) / steps);
    }
    stroke.last = [x, y];
  }

  up() {
    const { stroke, clip } = this;
    this.stroke = null;
    if (!stroke) return;
    if (this.tool === "redraw" && stroke.points.length > 5) stroke.mask = filled(stroke.points, clip.height, clip.width);
    else if (this.tool === "redraw") return this.shown();
    this.take({ outline: [stroke.frame, runsOf(stroke.mask)] });
  }

  /** Puts a disc in or takes it out: what begins inside pushes the outline out, what begins outside pushes it in. */
  dab(x, y) {
    const { clip, brush, stroke } = this;
    for (let row = Math.max(0, Math.floor(y - brush)); row <= Math.min(clip.height - 1, y + brush); row++) {
      for (let column = Math.max(0, Math.floor(x - brush)); column <= Math.min(clip.width - 1, x + brush); column++) {
        if (Math.hypot(row + 0.5 - y, column + 0.5 - x) <= brush) stroke.mask[row * clip.width + column] = stroke.inside;
      }
    }
  }

  /** Makes the outline of this frame one pixel larger or smaller: what a pointer does, for keys. */
  grow(larger) {
    const { clip } = this, frame = this.player.frame, mask = clip?.mask(frame);
    if (!this.on || !mask) return;
    const wanted = larger ? 1 : 0, made = mask.slice();
    for (let y = 0; y < clip.height; y++) {
      for (let x = 0; x < clip.width; x++) {
        const at = y * clip.width + x;
        if (mask[at] === wanted) continue;
        const near = [x > 0 && mask[at - 1], x + 1 < clip.width && mask[at + 1], y > 0 && mask[at - clip.width], y + 1 < clip.height && mask[at + clip.width]];
        if (near.some((one) => (one ? 1 : 0) === wanted)) made[at] = wanted;
      }
    }
    this.take({ outline: [frame, runsOf(made)] });
  }

  /** An event that was dragged to another frame. */
  moved({ kind, from, frame }) {
    const events = this.events();
    events[kind] = events[kind].map((one) => (one === from ? frame : one));
    this.take({ events });
  }

  /** Puts an event of that kind on this frame: the nearest one moves here, the first one comes here. */
  mark(kind) {
    if (!this.on) return;
    const events = this.events(), here = this.player.frame, near = [...events[kind]].sort((a, b) => Math.abs(a - here) - Math.abs(b - here))[0];
    if (near === here) return;
    events[kind] = near === undefined ? [here] : events[kind].map((one) => (one === near ? here : one));
    this.take({ events });
  }

  events() {
    const { ed_frames: ed, es_frames: es } = this.clip.measures;
    return { ed: [...ed], es: [...es] };
  }

  take({ outline, events }) {
    const { clip } = this, sorted = (frames) => [...new Set(frames)].sort((a, b) => a - b);
    clip.history.push(structuredClone(clip.changes));
    if (outline) clip.changes.outlines = { ...clip.changes.outlines, [outline[0]]: outline[1] };
    if (events) Object.assign(clip.changes, { ed_frames: sorted(events.ed), es_frames: sorted(events.es) });
    this.ask(clip);
  }

  undo() {
    if (this.clip?.history.length) {
      this.clip.changes = this.clip.history.pop();
      this.ask(this.clip);
    }
  }

  reset() {
    if (!this.clip?.edited) return;
    this.clip.history.push(this.clip.changes);
    this.clip.changes = { outlines: {} };
    this.ask(this.clip);
  }

  /** Has the numbers follow: one question after another, and what was overtaken is not asked. */
  ask(clip) {
    const { ed_frames: ed, es_frames: es } = clip.changes;
    if (ed) clip.measures = { ...clip.measures, ed_frames: ed, es_frames: es };
    clip.changed("corrected");
    clip.stale = true;
    this.busy++;
    this.pending = this.pending.then(() => this.asked(clip)).finally(() => this.busy--);
  }

  async asked(clip) {
    if (!clip.stale) return;
    clip.stale = false;
    try {
      const measures = await correct(clip);
      if (clip.stale) return;
      clip.measures = measures;
      clip.changed("measures");
    } catch (error) {
      this.dispatchEvent(new CustomEvent("refused", { detail: error.message }));
    }
  }

  shown() { this.dispatchEvent(new Event("shown")); }

  draw(pen, at, ratio, line) {
    const { stroke } = this;
    if (!this.on) return;
    if (stroke && this.tool === "push") this.picture.stain(pen, (at) => stroke.mask[at], COLOURS.lv, 0.35);
    const path = new Path2D();
    if (this.tool === "push" && this.hover) path.ellipse(...this.hover, this.brush, this.brush, 0, 0, 7);
    if (this.tool === "redraw" && stroke) stroke.points.forEach(([x, y], number) => path[number ? "lineTo" : "moveTo"](x, y));
    line(path, "#fff", 1.2);
  }
}

/** The mask inside a closed line of points (x, y). */
function filled(points, height, width) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height }), pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.beginPath();
  points.forEach(([x, y], number) => pen[number ? "lineTo" : "moveTo"](x, y));
  pen.fill();
  const { data } = pen.getImageData(0, 0, width, height), mask = new Uint8Array(height * width);
  for (let at = 0; at < mask.length; at++) mask[at] = data[4 * at + 3] > 127 ? 1 : 0;
  return mask;
}
