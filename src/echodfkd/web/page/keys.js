// What keys do; those that a control needs itself are left to it.

const STEP = 4; // pixels of the frame
const TYPING = ["INPUT", "SELECT", "TEXTAREA"];

export function bindKeys({ player, editor, at, pan, clip }) {
  const cycle = (id) => {
    const select = at(id);
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    select.dispatchEvent(new Event("change"));
  };
  const speed = (by) => {
    const select = at("speed");
    select.selectedIndex = Math.min(select.options.length - 1, Math.max(0, select.selectedIndex + by));
    select.dispatchEvent(new Event("change"));
  };
  const event = (by) => {
    const { measures } = clip(), frames = [...(measures?.ed_frames ?? []), ...(measures?.es_frames ?? [])].sort((a, b) => a - b);
    const next = by > 0 ? frames.find((one) => one > player.frame) : frames.findLast((one) => one < player.frame);
    if (next !== undefined) player.step(next - player.frame);
  };
  const acts = {
    " ": () => player.toggle(),
    ArrowLeft: (key) => player.step(key.shiftKey ? -10 : -1),
    ArrowRight: (key) => player.step(key.shiftKey ? 10 : 1),
    Home: () => player.step(-player.frame),
    End: () => player.step(1e9),
    ",": () => event(-1),
    ".": () => event(1),
    "-": () => speed(-1),
    "+": () => speed(1),
    z: () => cycle("zoom"),
    i: () => pan(0, -STEP),
    j: () => pan(-STEP, 0),
    k: () => pan(0, STEP),
    l: () => pan(STEP, 0),
    o: () => cycle("style"),
    c: () => editor.set(!editor.on),
    g: () => editor.grow(true),
    s: () => editor.grow(false),
    d: () => editor.mark("ed"),
    e: () => editor.mark("es"),
  };
  addEventListener("keydown", (key) => {
    const { target } = key, act = acts[key.key.length === 1 ? key.key.toLowerCase() : key.key];
    if (!act || !clip() || key.ctrlKey || key.metaKey || key.altKey || document.querySelector("dialog[open]")) return;
    if (TYPING.includes(target.tagName) || (key.key === " " && target.tagName === "BUTTON")) return;
    key.preventDefault();
    act(key);
  });
}
