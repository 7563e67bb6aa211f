// The pictures in an AVI whose frames are JPEGs.

/** JPEGs with their numbers in the film (an empty chunk is a dropped frame), and frames a second, null where unknown. */
export function aviFrames(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  const frames = [];
  let fps = null, coding = "", stream = -1, video = null, number = 0;
  const walk = (at, end) => {
    while (at + 8 <= end) {
      const name = word(at), length = view.getUint32(at + 4, true), from = at + 8, to = Math.min(end, from + length);
      if (name === "LIST" || name === "RIFF") {
        walk(from + 4, to);
      } else if (name === "strh") {
        stream++;
        if (video === null && word(from) === "vids") {
          video = stream;
          coding = word(from + 4);
          const scale = view.getUint32(from + 20, true), rate = view.getUint32(from + 24, true);
          if (scale && rate / scale > 2 && rate / scale <= 500) fps = rate / scale;
        }
      } else if (/^\d\dd[bc]$/.test(name) && Number(name.slice(0, 2)) === video) {
        if (from + length > bytes.length) throw new Error("The end of this AVI is missing. Copy it again.");
        if (length) frames.push({ number, jpeg: bytes.subarray(from, to) });
        number++;
      }
      at = from + length + (length % 2);
    }
  };
  walk(0, bytes.length);
  if (!frames.length) throw new Error("This AVI holds no picture.");
  if (frames[0].jpeg[0] !== 0xff || frames[0].jpeg[1] !== 0xd8) {
    throw new Error(`The frames of this AVI are coded as ${coding.trim()}, not as JPEG, which a browser cannot read. Use echodfkd serve.`);
  }
  return { frames, fps };
}
