// The clips as a server works on them. `browser.js` has the same functions for a page without one.
const OURS = { "X-Echodfkd": "1" };
const CHUNK = 4 << 20; // bytes of frames asked for at once

export const alone = false;

async function asked(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...OURS, ...options.headers } });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const error = new Error(told.error || `The server answers ${answer.status}.`);
  error.wait = Number(answer.headers.get("Retry-After")) || 0;
  throw error;
}

let bounds = {};

/** What the server offers. */
export async function about() {
  const told = await (await asked("api/about")).json();
  bounds = told.bounds;
  return told;
}

/** Whether a file is DICOM: its name may be the patient's, and is then neither shown nor sent. */
async function isDicom(file) {
  if (/\.(dcm|dicom)$/i.test(file.name)) return true;
  return (await file.slice(128, 132).text()) === "DICM";
}

/** What a file is called on the page. */
export const nameOf = async (file, number) => ((await isDicom(file)) ? `DICOM clip ${number}` : file.name);

async function patiently(clip, ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!error.wait) throw error;
      clip.state = "waiting";
      clip.words = "The server is busy; trying again";
      clip.changed();
      await new Promise((then) => setTimeout(then, error.wait * 1000 * (1 + Math.random())));
    }
  }
}

/** Sends a file, and has the clip hear all that is said of it. */
export function upload(clip, file, model) {
  if (file.size > bounds.upload_mb * 1e6) {
    clip.hear({ kind: "failed", words: `This file is too large: this server takes up to ${bounds.upload_mb} MB.` });
    return null;
  }
  const query = new URLSearchParams({ model, label: clip.name });
  return begun(clip, () => asked(`api/clips?${query}`, { method: "POST", body: file }));
}

/** The same of a heart to be drawn. */
export function draw(clip, heart, model) {
  return begun(clip, () => asked(`api/hearts?model=${encodeURIComponent(model)}`, { method: "POST", body: JSON.stringify(heart) }));
}

/** The same of a clip that is there, by another model. */
export function again(clip, of, model) {
  return begun(clip, () => asked(`api/clips/${of.id}/again?model=${encodeURIComponent(model)}`, { method: "POST" }), of);
}

// A browser holds six connections to a server. Each clip in work takes one to hear of it; the others are for frames and files.
let lanes = 4;
const queue = [];

/** Does the work once a lane is free; what somebody looks at and waits for goes first. */
async function inLane(first, work) {
  if (lanes > 0) lanes--;
  else await new Promise((then) => queue[first ? "unshift" : "push"](then));
  try {
    await work();
  } finally {
    const next = queue.shift();
    if (next) next();
    else lanes++;
  }
}

async function begun(clip, ask, of = null) {
  if (!lanes) clip.hear({ kind: "waiting", place: 1 });
  await inLane(!!of, async () => {
    try {
      if (clip.gone) return;
      clip.id = (await (await patiently(clip, ask)).json()).id;
      if (clip.gone) return forget(clip);
      await heard(clip, of);
    } catch (error) {
      clip.hear({ kind: "failed", words: error.message });
    }
  });
}

async function heard(clip, of) {
  const answer = await asked(`api/clips/${clip.id}/events`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", known = 0, fetching = Promise.resolve();
  const fetchTo = (count) => {
    if (of) return;
    const first = known;
    known = Math.max(known, count);
    if (known > first) fetching = fetching.then(() => framesOf(clip, first, known));
  };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const message of lines.filter(Boolean).map((line) => JSON.parse(line))) {
      if (message.kind === "opened" && of) clip.frames = of.frames;
      if (message.kind === "frames") fetchTo(message.frames);
      if (message.kind === "done") {
        fetchTo(message.frames);
        await fetching;
      }
      clip.hear(message);
    }
  }
  if (clip.state !== "done" && clip.state !== "failed") throw new Error("The server has gone away.");
}

async function framesOf(clip, first, stop) {
  const each = clip.height * clip.width, step = Math.max(1, Math.floor(CHUNK / each));
  for (let at = first; at < stop; at += step) {
    const end = Math.min(stop, at + step);
    const grey = new Uint8Array(await (await asked(`api/clips/${clip.id}/frames?first=${at}&stop=${end}`)).arrayBuffer());
    for (let frame = at; frame < end; frame++) clip.frames[frame] = grey.subarray((frame - at) * each, (frame - at + 1) * each);
    clip.changed("frames");
  }
}

/** Measures of the clip as it is corrected. */
export async function correct(clip) {
  const answer = await asked(`api/clips/${clip.id}/correct`, { method: "POST", body: JSON.stringify(clip.changes) });
  return (await answer.json()).measures;
}

/** Where a file of a clip is to be had. */
export const fileOf = (clip, what) => `api/clips/${clip.id}/files/${what}`;

/** Where all of several clips are. */
export const zipOf = (clips) => `api/zip?ids=${clips.map((clip) => clip.id).join(",")}`;

/** Has the server forget a clip. */
export function forget(clip) {
  clip.gone = true;
  if (clip.id) fetch(`api/clips/${clip.id}`, { method: "DELETE", headers: OURS, keepalive: true }).catch(() => {});
}
