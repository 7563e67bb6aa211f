// The page: puts the parts together. Each part is a file of its own and knows little of the others.
import * as backend from "./backend.js";
import { Clip } from "./clip.js";
import { Curve } from "./curve.js";
import { Editor } from "./edit.js";
import { bindKeys } from "./keys.js";
import { element, fill, highlight } from "./panel.js";
import { COLOURS, OTHER, Picture, TRUTH } from "./picture.js";
import { Player } from "./player.js";

const at = (id) => document.getElementById(id);
const player = new Player(), picture = new Picture(at("picture")), second = new Picture(at("picture-2")), curve = new Curve(at("curve"));
second.colours = { ...COLOURS, lv: OTHER };
const editor = new Editor(picture, curve, player);
export const clips = [];
let chosen = null;

function render() {
  const clip = player.clip;
  if (!clip) return;
  const compared = clip.other && clip.other.state !== "failed" ? clip.other : null;
  Object.assign(picture, { clip, frame: player.frame, versus: compared ? [clip, compared] : null });
  picture.draw();
  if (compared) {
    const { zoom, middle, style, hidden } = picture;
    Object.assign(second, { clip: compared, frame: player.frame, versus: [clip, compared], zoom, middle, style, hidden });
    second.draw();
  }
  Object.assign(curve, { clip, frame: player.frame, other: compared });
  curve.draw();
  const seconds = clip.seconds(player.frame);
  at("at").textContent = clip.count ? `${player.frame + 1} of ${clip.count}, ${seconds.toFixed(2)} s` : "";
  at("curve").setAttribute("aria-valuemax", Math.max(1, clip.count));
  at("curve").setAttribute("aria-valuenow", player.frame + 1);
  at("curve").setAttribute("aria-valuetext", `frame ${player.frame + 1} of ${clip.count}${eventAt(clip, player.frame)}`);
  highlight(at("panel"), clip, player.frame);
}

function eventAt(clip, frame) {
  const { measures } = clip;
  return measures?.ed_frames.includes(frame) ? ", end-diastole" : measures?.es_frames.includes(frame) ? ", end-systole" : "";
}

let due = false;
function soon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    render();
  });
}

function choose(clip) {
  editor.set(false);
  chosen = clip;
  player.show(clip);
  Object.assign(picture, { zoom: 1, middle: null });
  at("zoom").value = "1";
  refresh();
  scrollTo(0, 0);
  if (clip && !matchMedia("(prefers-reduced-motion: reduce)").matches) player.play();
}

/** Everything that does not change from frame to frame. */
function refresh() {
  const clip = chosen;
  at("start").hidden = clips.length > 0;
  at("clips").hidden = clips.length === 0;
  at("stage").hidden = !clip;
  at("model-for").textContent = clips.length ? "Model for new clips" : "Model";
  const done = clips.filter((one) => one.state === "done");
  at("zip").hidden = backend.alone || done.length === 0;
  list();
  if (!clip) return;
  at("view").hidden = clip.state === "failed" && !clip.count;  // nothing to look at
  progress(clip);
  fill(at("panel"), clip, (frame) => player.step(frame - player.frame));
  structures(clip);
  at("edit").disabled = clip.state !== "done";
  at("second").hidden = !clip.other;
  for (const [figure, one] of [[at("picture"), clip], [at("second").firstElementChild, clip.other]]) {
    figure.parentElement.querySelector("figcaption").textContent = clip.other ? one?.model + (one?.state === "failed" ? `: ${one.words}` : "") : "";
  }
  at("other").value = clip.other?.model ?? "";
  soon();
}

const isWorking = (clip) => ["sending", "waiting", "working"].includes(clip?.state);

function progress(chosen) {
  const clip = isWorking(chosen.other) ? chosen.other : chosen, working = isWorking(clip), bar = at("work").querySelector("progress");
  at("work").classList.toggle("idle", !working);
  if (clip.state === "working" && clip.sure) bar.value = clip.done / Math.max(1, clip.runs.length);
  else bar.removeAttribute("value");
  const words = { sending: "Sending", waiting: clip.words, working: `${clip.words}, ${clip.sure ? clip.done : clip.runs.length} frames` }[clip.state];
  at("work").querySelector("span").textContent = words ?? "";
  announce(working ? clip.words || "Sending" : clip.state === "failed" ? clip.words : summary(clip));
}

/** Says something to a screen reader, once. */
function announce(words) {
  if (at("told").textContent !== words) at("told").textContent = words;
}

/** What a clip that is done comes to, in one line. */
function summary({ measures, refused }) {
  if (!measures) return "";
  const ef = measures.ejection_fraction;
  if (refused || ef === null) return `Done, not measured: ${measures.reasons[0] ?? ""}`;
  const judged = measures.verdict === "unchecked" ? "not checked" : `verdict ${measures.verdict}`;
  return `Done: ejection fraction ${Math.round(ef)} percent, ${judged}`;
}

function list() {
  const items = clips.map((clip) => {
    const mark = element("span", { class: `mark ${clip.state === "failed" ? "failed" : clip.measures?.verdict ?? ""}`, "aria-hidden": "true" });
    const told = clip.state === "done" && clip.measures ? clip.measures.verdict : clip.state;
    const open = element("button", { "aria-pressed": String(clip === chosen), "aria-label": `${clip.name}, ${told}`, onclick: () => choose(clip) }, mark, clip.name);
    return element("li", {}, open, element("button", { "aria-label": `Remove ${clip.name}`, onclick: () => remove(clip) }, "×"));
  });
  const focused = [...document.querySelectorAll("#clips li button")].indexOf(document.activeElement);
  at("clips").querySelector("ul").replaceChildren(...items);
  if (focused >= 0) document.querySelectorAll("#clips li button")[focused]?.focus();
}

function structures(clip) {
  const names = [...new Set([...clip.structures, ...(clip.other?.structures ?? [])]), ...(clip.truth ? ["truth"] : [])];
  at("structures").hidden = names.length < 2;
  at("structures").replaceChildren(...names.map((name) => {
    const box = element("input", { type: "checkbox", checked: !picture.hidden.has(name) });
    box.addEventListener("change", () => {
      picture.hidden[box.checked ? "delete" : "add"](name);
      soon();
    });
    const words = { lv: "LV", rv: "RV", la: "LA", ra: "RA", truth: "Truth" }[name] ?? "Wall";
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = COLOURS[name] ?? TRUTH;
    return element("label", {}, box, swatch, words);
  }));
}

function added(clip) {
  clip.model = at("model").value;
  clips.push(clip);
  clip.addEventListener("change", ({ detail }) => {
    if (detail === "masks" || detail === "frames" || detail === "corrected") {
      if (clip === chosen) {
        progress(clip);
        soon();
      }
    } else refresh();
  });
  return clip;
}

function take(files) {
  at("said").textContent = "";
  const first = clips.length;
  [...files].forEach(async (file) => {
    const clip = added(new Clip(""));
    clip.name = await backend.nameOf(file, clips.indexOf(clip) + 1);
    refresh();
    backend.upload(clip, file, clip.model);
  });
  if (clips.length > first) choose(clips[first]);
}

function drawHeart(event) {
  event.preventDefault();
  const form = at("heart-form"), heart = Object.fromEntries(new FormData(form));
  heart.quality = Number(heart.quality) / 100;
  heart.seed ||= Math.floor(Math.random() * 2 ** 30);
  at("heart").close();
  const clip = added(new Clip(`Drawn heart ${clips.length + 1}`));
  choose(clip);
  backend.draw(clip, heart, clip.model);
}

function remove(clip) {
  backend.forget(clip);
  if (clip.other) backend.forget(clip.other);
  clips.splice(clips.indexOf(clip), 1);
  if (chosen === clip) choose(clips[0] ?? null);
  else refresh();
}

function compare() {
  const clip = chosen, name = at("other").value;
  if (clip.other) backend.forget(clip.other);
  clip.other = null;
  if (name) {
    const other = clip.other = new Clip(clip.name);
    other.model = name;
    other.addEventListener("change", ({ detail }) => {
      if (clip !== chosen) return;
      if (detail !== "masks") refresh();
      progress(clip);
      soon();
    });
    backend.again(other, clip, name);
  }
  refresh();
}

function dropping() {
  let depth = 0;
  const over = (by) => document.body.classList.toggle("over", (depth += by) > 0);
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(0);
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  });
  at("files").addEventListener("change", () => {
    take(at("files").files);
    at("files").value = "";
  });
  for (const id of ["choose", "more"]) at(id).addEventListener("click", () => at("files").click());
}

function panning() {
  let from = null;
  const { canvas } = picture;
  canvas.addEventListener("pointerdown", (event) => {
    if (picture.zoom > 1 && !editor.on) from = picture.under(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = picture.under(event);
    picture.move(from[0] - x, from[1] - y);
    soon();
  });
  for (const kind of ["pointerup", "pointercancel", "pointerleave"]) canvas.addEventListener(kind, () => (from = null));
}

function wire() {
  player.addEventListener("frame", soon);
  player.addEventListener("state", () => (at("play").textContent = player.playing ? "Pause" : "Play"));
  at("play").addEventListener("click", () => player.toggle());
  at("back").addEventListener("click", () => player.step(-1));
  at("forth").addEventListener("click", () => player.step(1));
  at("speed").addEventListener("change", () => (player.speed = Number(at("speed").value)));
  at("zoom").addEventListener("change", () => {
    picture.magnify(Number(at("zoom").value));
    soon();
  });
  at("style").addEventListener("change", () => {
    picture.style = at("style").value;
    soon();
  });
  curve.addEventListener("seek", ({ detail }) => {
    player.pause();
    player.go(detail);
  });
  editor.addEventListener("shown", soon);
  editor.addEventListener("state", () => {
    at("edit").setAttribute("aria-pressed", String(editor.on));
    at("editing").hidden = !editor.on;
    soon();
  });
  editor.addEventListener("refused", ({ detail }) => (at("said").textContent = detail));
  at("edit").addEventListener("click", () => editor.set(!editor.on));
  for (const tool of document.querySelectorAll("input[name=tool]")) tool.addEventListener("change", () => (editor.tool = tool.value));
  at("brush").addEventListener("input", () => (editor.brush = Number(at("brush").value)));
  at("mark-ed").addEventListener("click", () => editor.mark("ed"));
  at("mark-es").addEventListener("click", () => editor.mark("es"));
  at("undo").addEventListener("click", () => editor.undo());
  at("reset").addEventListener("click", () => editor.reset());
  at("other").addEventListener("change", compare);
  at("keys").addEventListener("click", () => at("help").showModal());
  at("panel").addEventListener("click", async (event) => {
    const link = event.target.closest("a[download]");
    if (!link || !editor.busy) return;
    event.preventDefault();                       // until the server knows all that was corrected
    await editor.pending;
    link.click();
  });
  at("zip").addEventListener("click", async () => {
    await editor.pending;
    location.href = backend.zipOf(clips.filter((clip) => clip.state === "done"));
  });
  for (const id of ["draw", "draw-more"]) {
    at(id).addEventListener("click", () => at("heart").showModal());
  }
  at("heart-close").addEventListener("click", () => at("heart").close());
  at("heart-form").addEventListener("submit", drawHeart);
  for (const slider of at("heart-form").querySelectorAll("input[type=range]")) {
    slider.addEventListener("input", () => (slider.previousElementSibling.textContent = slider.value + slider.dataset.unit));
  }
  addEventListener("resize", soon);
  addEventListener("pagehide", () => clips.forEach(backend.forget));
  new ResizeObserver(soon).observe(at("view"));
  dropping();
  panning();
  const pan = (x, y) => {
    if (picture.zoom > 1) picture.move(x, y);
    soon();
  };
  bindKeys({ player, editor, at, pan, clip: () => chosen });
}

async function begin() {
  wire();
  try {
    const told = await backend.about();
    at("model").replaceChildren(...told.models.map(({ name, about }) => element("option", { value: name, title: about }, name)));
    at("model").closest("label").hidden = told.models.length < 2;
    at("other").replaceChildren(element("option", { value: "" }, "nothing"), ...told.models.map(({ name }) => element("option", { value: name }, name)));
    at("versus").hidden = told.models.length < 2;
    for (const id of ["draw", "draw-more"]) at(id).hidden = !told.drawing;
    at("no-drawing").hidden = !!told.drawing;
    at("no-drawing").textContent = told.no_drawing;
    if (told.drawing) at("illness").replaceChildren(...told.drawing.illnesses.map((one) => element("option", { value: one }, one.replace("_", " "))));
    if (told.privacy) at("privacy").textContent = told.privacy;
    if (told.kinds) at("kinds").textContent = told.kinds;
  } catch (error) {
    at("said").textContent = error.message;
  }
  document.body.dataset.ready = "yes";
}

begin();
