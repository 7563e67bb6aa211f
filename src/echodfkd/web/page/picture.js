// A frame with what was found on it. Grey pixels stay sharp; outlines are drawn as lines.
import { outline } from "./outline.js";

export const COLOURS = { lv: "#56b4e9", rv: "#ffffff", la: "#cc79a7", ra: "#009e73", myocardium: "#d55e00" };
export const TRUTH = "#f0e442", OTHER = "#e69f00";

export class Picture {
  constructor(canvas) {
    Object.assign(this, { canvas, zoom: 1, middle: null, style: "line", hidden: new Set(), clip: null, frame: 0, versus: null, extra: null, colours: COLOURS });
    this.buffer = document.createElement("canvas");
    this.paths = new Map();
  }

  /** Where a frame lies on the canvas: pixels of the canvas for one of the frame, and where its corner is. */
  place() {
    const { clip, canvas } = this;
    const [rows, columns] = clip.part ?? [[0, clip.height], [0, clip.width]];
    const aspect = aspectOf(clip), high = rows[1] - rows[0], wide = (columns[1] - columns[0]) * aspect;
    const scale = this.zoom * Math.min(canvas.width / wide, canvas.height / high);
    const [cx, cy] = this.middle ?? [(columns[0] + columns[1]) / 2, (rows[0] + rows[1]) / 2];
    return { sx: scale * aspect, sy: scale, x: canvas.width / 2 - cx * scale * aspect, y: canvas.height / 2 - cy * scale };
  }

  /** Shows a part of the frame, larger, around the ventricle unless somebody has moved it; 1 shows all. */
  magnify(zoom) {
    this.zoom = zoom;
    if (zoom === 1) this.middle = null;
    else this.middle ??= middleOf(this.clip, this.frame);
  }

  /** Moves what is shown by so many pixels of the frame (x, y). */
  move(x, y) {
    const { clip } = this, [cx, cy] = this.middle ?? [clip.width / 2, clip.height / 2];
    this.middle = [Math.min(clip.width, Math.max(0, cx + x)), Math.min(clip.height, Math.max(0, cy + y))];
  }

  /** The frame's pixel under a pointer (x, y), in fractions. */
  under(event) {
    const box = this.canvas.getBoundingClientRect(), ratio = this.canvas.width / box.width, at = this.place();
    return [((event.clientX - box.left) * ratio - at.x) / at.sx, ((event.clientY - box.top) * ratio - at.y) / at.sy];
  }

  draw() {
    const { canvas, clip, frame } = this, pen = canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
    const [w, h] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, w, h);
    if (!clip?.height) return;
    const at = this.place();
    pen.setTransform(at.sx, 0, 0, at.sy, at.x, at.y);
    if (clip.frames[frame]) {
      this.grey(clip.frames[frame]);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(this.buffer, 0, 0);
    }
    if (this.style === "none") return;
    const line = (path, colour, width, dash = []) => {
      pen.save();
      pen.setTransform(1, 0, 0, 1, 0, 0);
      const moved = new Path2D();
      moved.addPath(path, new DOMMatrix([at.sx, 0, 0, at.sy, at.x, at.y]));
      pen.setLineDash(dash);
      pen.lineJoin = "round";
      pen.lineWidth = (width + 2) * ratio;
      pen.strokeStyle = "rgb(0 0 0 / 0.45)";
      pen.stroke(moved);
      pen.lineWidth = width * ratio;
      pen.strokeStyle = colour;
      pen.stroke(moved);
      pen.restore();
    };
    for (const name of [...clip.structures].reverse()) {
      if (this.hidden.has(name)) continue;
      const path = this.path(clip, frame, name);
      if (!path) continue;
      if (this.style !== "line") {
        pen.globalAlpha = 0.3;
        pen.fillStyle = this.colours[name];
        pen.fill(path, "evenodd");
        pen.globalAlpha = 1;
      }
      if (this.style !== "fill") line(path, this.colours[name], name === "lv" ? 2.2 : 1.4);
    }
    if (this.versus) this.difference(pen, frame);
    if (clip.truth && !this.hidden.has("truth")) line(this.truthPath(clip, frame), TRUTH, 1.4, [5 * ratio, 4 * ratio]);
    this.extra?.(pen, at, ratio, line);
  }

  /** What one model takes in and the other leaves out, in the colour of the one that takes it in. */
  difference(pen, frame) {
    const [first, second] = this.versus.map((clip) => clip.mask(frame));
    if (!first || !second) return;
    this.stain(pen, (at) => first[at] && !second[at], COLOURS.lv, 0.55);
    this.stain(pen, (at) => second[at] && !first[at], OTHER, 0.55);
  }

  /** Colours the pixels that are `inside`. */
  stain(pen, inside, colour, opacity) {
    const { height, width } = this.clip, stain = new OffscreenCanvas(width, height), on = stain.getContext("2d");
    const image = on.createImageData(width, height), rgb = colour.match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16));
    for (let at = 0; at < height * width; at++) if (inside(at)) image.data.set([...rgb, 255 * opacity], 4 * at);
    on.putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(stain, 0, 0);
  }

  grey(levels) {
    const { height, width } = this.clip, { buffer } = this;
    if (buffer.width !== width || buffer.height !== height) Object.assign(buffer, { width, height });
    const pen = buffer.getContext("2d"), image = pen.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let at = 0; at < pixels.length; at++) pixels[at] = 0xff000000 | (levels[at] * 0x010101);
    pen.putImageData(image, 0, 0);
  }

  /** The outline of a structure on a frame; kept, as a clip is played over and over. */
  path(clip, frame, name) {
    const runs = (name === "lv" && clip.changes.outlines[frame]) || clip.runs[frame]?.[name];
    if (!runs) return null;
    let path = this.paths.get(runs);
    if (!path) {
      if (this.paths.size > 2000) this.paths.clear();
      this.paths.set(runs, path = outline(clip.mask(frame, name), clip.height, clip.width));
    }
    return path;
  }

  truthPath(clip, frame) {
    const as = { changes: { outlines: {} }, runs: { [frame]: { lv: clip.truth.runs[frame] } }, height: clip.height, width: clip.width, mask: clip.mask };
    return this.path(as, frame, "lv") ?? new Path2D();
  }
}

/** The middle (x, y) of the ventricle on a frame; null where none is known. */
function middleOf(clip, frame) {
  const mask = clip?.mask(frame);
  let [count, x, y] = [0, 0, 0];
  mask?.forEach((inside, at) => {
    if (!inside) return;
    count++;
    x += at % clip.width;
    y += Math.floor(at / clip.width);
  });
  return count ? [x / count + 0.5, y / count + 0.5] : null;
}

/** How much wider than high a pixel is shown. */
export function aspectOf(clip) {
  const spacing = clip.spacing;
  return spacing ? spacing[1] / spacing[0] : 1;
}
