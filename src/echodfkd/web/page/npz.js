// Masks as `segment` writes them: masks.npz, uint8 {0, 1} (time, height, width), the ventricle under `masks`.

/** The bytes of an .npz that holds these arrays: {name: [shape, Uint8Array or BigInt64Array]}. */
export function npz(arrays) {
  const parts = [], index = [];
  let at = 0, count = 0;
  for (const [name, [shape, values]] of Object.entries(arrays)) {
    const file = new TextEncoder().encode(`${name}.npy`), content = npy(shape, values), sum = crc(content);
    const told = [20, 0, 0, 0, 0, sum & 0xffff, sum >>> 16, content.length & 0xffff, content.length >>> 16, content.length & 0xffff, content.length >>> 16, file.length, 0];
    index.push(bytes(0x4b50, 0x0201, 20, ...told, 0, 0, 0, 0, 0, at & 0xffff, at >>> 16), file);
    parts.push(bytes(0x4b50, 0x0403, ...told), file, content);
    at += 30 + file.length + content.length;
    count++;
  }
  const length = index.reduce((sum, part) => sum + part.length, 0);
  const end = bytes(0x4b50, 0x0605, 0, 0, count, count, length & 0xffff, length >>> 16, at & 0xffff, at >>> 16, 0);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}

function npy(shape, values) {
  const kind = values instanceof Uint8Array ? "|u1" : "<i8", content = new Uint8Array(values.buffer);
  const told = `{'descr': '${kind}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const head = told.padEnd(Math.ceil((told.length + 11) / 64) * 64 - 11) + "\n";
  const made = new Uint8Array(10 + head.length + content.length);
  made.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, head.length & 0xff, head.length >>> 8]);
  made.set(new TextEncoder().encode(head), 10);
  made.set(content, 10 + head.length);
  return made;
}

const bytes = (...words) => new Uint8Array(Uint16Array.from(words).buffer); // little-endian, as all browsers' machines

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc(content) {
  let sum = 0xffffffff;
  for (const byte of content) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
