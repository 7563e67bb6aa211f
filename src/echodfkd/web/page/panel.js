// What was measured, in words and numbers, and how far to trust it.
import { fileOf } from "./backend.js";
import { beatAt } from "./curve.js";

const VERDICTS = {
  typical: ["Nothing odd was found", "Still, look at the outline: it alone shows whether it is right."],
  review: ["Look before you trust this", ""],
  refused: ["Not measured", ""],
  unchecked: ["Nothing was checked", "This page works without a server, and no verdict is given."],
};
const DRAWN = "This heart is drawn. The check knows patients' pictures, and this one is unlike them: draw another, or change the sliders.";
const FILES = {
  "summary.html": "Summary", "overlay.mp4": "Overlay", "masks.npz": "Masks", "measures.json": "Measures", "summary.csv": "CSV", "curve.png": "Curve",
};

/** An element with attributes, or properties where a name begins with a dot, and what is in it. */
export function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.flat().filter((one) => one !== null && one !== undefined));
  return made;
}

/** Fills the panel; `go` leads to a frame. */
export function fill(panel, clip, go) {
  panel.replaceChildren(...content(clip, go));
}

function content(clip, go) {
  const { measures } = clip;
  if (clip.state === "failed") return [element("div", { class: "verdict refused" }, element("p", {}, "This clip was not done"), element("p", { class: "what" }, clip.words))];
  if (!measures) return [element("p", { class: "what" }, "The numbers come as soon as the whole clip has been seen.")];
  const parts = [headline(clip), verdict(clip), numbers(clip)];
  if (clip.edited) parts.push(element("p", { class: "hand" }, byHand(clip)));
  if (measures.beats.length) parts.push(element("h3", {}, "Beats"), beats(clip, go));
  if (measures.remarks?.length) parts.push(element("h3", {}, "About the file"), element("ul", { class: "small" }, measures.remarks.map((one) => element("li", {}, one))));
  parts.push(element("h3", {}, "Download"), files(clip));
  parts.push(element("p", { class: "small" }, `Model ${clip.model} (${measures.model.name} ${measures.model.weights.slice(0, 8)})`));
  return parts;
}

function headline(clip) {
  const { measures, truth } = clip, ef = measures.ejection_fraction;
  const none = clip.refused ? "not measured" : ef === null ? "no whole beat" : "";
  const shown = none
    ? element("div", { class: "ef none" }, element("span", { "aria-hidden": "true" }, "–"), element("span", { class: "what" }, none))
    : element("div", { class: "ef" }, element("b", {}, Math.round(ef)), element("span", {}, "%"),
      element("span", { class: "what" }, sureness(clip)));
  const known = truth ? element("p", { class: "what" }, `The truth: ${Math.round(truth.ejection_fraction)} %, ${Math.round(truth.heart_rate)} / min`) : null;
  return element("div", { id: "ef-told" }, element("div", { class: "what" }, "Ejection fraction, one plane"), shown, known);
}

/** How sure the ejection fraction is, in words. */
function sureness({ measures, truth }) {
  const { verdict, ejection_interval: interval, no_interval: why } = measures;
  if (verdict === "unchecked") return "not checked";
  const often = truth ? "nine times in ten in patients, less often in drawn hearts" : "nine times in ten";
  return interval ? `${interval.map(Math.round).join(" to ")}, ${often}` : why ?? "";
}

function verdict({ measures, truth }) {
  const drawn = truth && measures.verdict === "refused" ? DRAWN : "", [title, words] = VERDICTS[measures.verdict];
  return element("div", { class: `verdict ${measures.verdict}` }, element("p", {}, title),
    words ? element("div", { class: "small" }, words) : null,
    measures.reasons.length ? element("ul", {}, measures.reasons.map((one) => element("li", {}, one))) : null,
    drawn ? element("div", { class: "small" }, drawn) : null);
}

function numbers(clip) {
  const { measures } = clip, rows = [];
  const add = (name, value) => rows.push(element("dt", {}, name), element("dd", {}, value));
  add("Heart rate", measures.heart_rate ? `${Math.round(measures.heart_rate)} / min` : "unknown");
  if (measures.edv_ml) {
    add("Volume at ED", `${Math.round(measures.edv_ml)} ml`);
    add("Volume at ES", `${Math.round(measures.esv_ml)} ml`);
    const discs = measures.ejection_fraction_by_discs; // the one that is told is on the model's line
    if (Math.round(discs) !== Math.round(measures.ejection_fraction)) add("EF of these two", `${Math.round(discs)} %`);
  } else if (!clip.refused) add("Volumes", "no scale in the file");
  add("Frames", `${measures.frames}${measures.fps ? `, ${measures.fps.toFixed(0)} a second` : ""}`);
  if (clip.truth) add("Dice with truth", overlap(clip).toFixed(2));
  return element("dl", { class: "numbers" }, rows);
}

/** Dice of all frames together with the truth. */
function overlap(clip) {
  let both = 0, sum = 0;
  for (let frame = 0; frame < clip.count; frame++) {
    const found = clip.mask(frame), truth = clip.mask.call({ changes: { outlines: {} }, runs: { [frame]: { lv: clip.truth.runs[frame] } }, height: clip.height, width: clip.width }, frame);
    if (!found || !truth) continue;
    for (let at = 0; at < found.length; at++) {
      both += found[at] & truth[at];
      sum += found[at] + truth[at];
    }
  }
  return sum ? (2 * both) / sum : 1;
}

function byHand(clip) {
  const frames = Object.keys(clip.changes.outlines).length, parts = [];
  if (frames) parts.push(frames > 1 ? `${frames} outlines` : "one outline");
  if (clip.changes.ed_frames) parts.push("ED and ES");
  return `Corrected by hand: ${parts.join(", ")}. Every download says so.`;
}

function beats(clip, go) {
  const { measures } = clip, sized = measures.beats.some((beat) => beat.edv_ml), told = !clip.refused;
  const head = ["Beat", "ED", "ES", ...(told ? ["EF %"] : []), ...(sized ? ["EDV", "ESV"] : []), "/ min"];
  const rows = measures.beats.map((beat, number) => {
    const frame = (at) => element("td", {}, element("button", { "aria-label": `Go to frame ${at + 1}`, onclick: () => go(at) }, at + 1));
    const cells = [element("td", {}, number + 1), frame(beat.ed), frame(beat.es)];
    if (told) cells.push(element("td", {}, beat.ejection_fraction === null ? "–" : Math.round(beat.ejection_fraction)));
    if (sized) cells.push(element("td", {}, Math.round(beat.edv_ml)), element("td", {}, Math.round(beat.esv_ml)));
    cells.push(element("td", {}, beat.heart_rate ?? "–"));
    return element("tr", {}, cells);
  });
  return element("table", {}, element("thead", {}, element("tr", {}, head.map((one) => element("th", { scope: "col" }, one)))), element("tbody", {}, rows));
}

/** Sets the row of the beat off that a frame belongs to. */
export function highlight(panel, clip, frame) {
  const beat = beatAt(clip, frame);
  panel.querySelectorAll("tbody tr").forEach((row, number) => row.classList.toggle("now", number === beat?.number));
}

function files(clip) {
  const wanted = { ...FILES, ...(clip.isDicom ? { "segmentation.dcm": "DICOM SEG" } : {}) };
  const links = Object.entries(wanted).map(([what, words]) => [fileOf(clip, what), what, words]).filter(([address]) => address);
  return element("div", { class: "files" }, links.map(([address, what, words]) => element("a", { href: address, download: what }, words)));
}
