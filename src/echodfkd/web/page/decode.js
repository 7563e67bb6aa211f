// Files to grey frames, as far as a browser goes: AVI (MJPEG), GIF, PNG, JPEG.
import { aviFrames } from "./avi.js";

export const KINDS = "AVI (MJPEG), GIF, PNG or JPEG";
const MOST = 1e9; // pixels of all frames together

/** Grey frames, their size, and when they were taken; an Error in plain words for what a browser cannot read. */
export async function decoded(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = (from, to) => String.fromCharCode(...bytes.subarray(from, to));
  if (text(0, 4) === "RIFF" && text(8, 12) === "AVI ") return ofAvi(bytes);
  if (text(0, 3) === "GIF") return animated(bytes, "image/gif");
  if (text(1, 4) === "PNG") return animated(bytes, "image/png");
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return animated(bytes, "image/jpeg");
  const kind = text(128, 132) === "DICM" ? "DICOM" : text(4, 8) === "ftyp" ? "MP4" : text(0, 2) === "\x1f\x8b" ? "NIfTI" : "This kind of file";
  throw new Error(`${kind} is not read in the browser alone: ${KINDS} are. With echodfkd installed, echodfkd serve reads it.`);
}

async function ofAvi(bytes) {
  const { frames, fps } = aviFrames(bytes);
  const grey = [], times = [];
  let size = null;
  for (const { number, jpeg } of frames) {
    const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })).catch(() => {
      throw new Error(`Frame ${grey.length + 1} of this AVI is damaged.`);
    });
    size = checked(size, picture.width, picture.height, frames.length);
    grey.push(greyOf(picture, size));
    times.push(number / (fps ?? 50));
  }
  return { frames: grey, ...size, fps, times };
}

async function animated(bytes, type) {
  if (!("ImageDecoder" in window)) throw new Error("This browser has no ImageDecoder. Use Chromium, or a newer Firefox or Safari.");
  const decoder = new ImageDecoder({ data: bytes, type });
  await decoder.tracks.ready;
  await decoder.completed;
  const count = decoder.tracks.selectedTrack.frameCount, grey = [], times = [];
  let size = null, now = 0;
  for (let frameIndex = 0; frameIndex < count; frameIndex++) {
    const { image } = await decoder.decode({ frameIndex });
    size = checked(size, image.displayWidth, image.displayHeight, count);
    grey.push(greyOf(image, size));
    times.push(now);
    now += (image.duration ?? 20000) / 1e6;
    image.close();
  }
  return { frames: grey, ...size, fps: count > 1 ? count / now : null, times };
}

function checked(size, width, height, count) {
  if (size && (size.width !== width || size.height !== height)) throw new Error("The frames of this clip differ in size.");
  if (width * height * count > MOST) throw new Error("This clip is too long for a browser.");
  return { width, height };
}

/** Luma of a picture, as the house has it: 0.299 R + 0.587 G + 0.114 B. */
function greyOf(picture, { width, height }) {
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(picture, 0, 0);
  const { data } = pen.getImageData(0, 0, width, height), grey = new Uint8Array(width * height);
  for (let at = 0; at < grey.length; at++) grey[at] = Math.round(0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]);
  return grey;
}
