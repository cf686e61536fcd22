// Datasets of the Analytics Engine in JavaScript. The file is one function: it gets the natives of the cell and returns
// the class.
(natives) => {
  "use strict";

  const INDEXES_MAX = 1;
  const INDEX_MAX_BYTES = 96;
  const BLOBS_MAX = 20;
  const BLOBS_MAX_BYTES = 16_000;
  const DOUBLES_MAX = 20;

  const refuse = (what) => {
    throw new TypeError(`writeDataPoint(): ${what}`);
  };

  const bytesOf = (value) => {
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return undefined;
  };

  // A text or bytes in the form that travels, and its size. Absent values keep their place.
  const packed = (value) => {
    if (value === null || value === undefined) return { wire: null, size: 0 };
    const bytes = bytesOf(value);
    if (bytes === undefined) {
      const text = String(value);
      return { wire: text, size: new TextEncoder().encode(text).byteLength };
    }
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return { wire: { base64: btoa(binary) }, size: bytes.byteLength };
  };

  const listOf = (value) => (value === undefined || value === null ? [] : Array.from(value));

  const pointOf = (event) => {
    const indexes = listOf(event.indexes).map(packed);
    if (indexes.length > INDEXES_MAX) refuse(`Maximum of ${INDEXES_MAX} indexes supported.`);
    if (indexes.length > 0 && indexes[0].size > INDEX_MAX_BYTES) {
      refuse(`Size of indexes[0] exceeds ${INDEX_MAX_BYTES} bytes).`);
    }
    const blobs = listOf(event.blobs).map(packed);
    if (blobs.length > BLOBS_MAX) refuse(`Maximum of ${BLOBS_MAX} blobs supported.`);
    const total = blobs.reduce((sum, { size }) => sum + size, 0);
    if (total > BLOBS_MAX_BYTES) refuse(`Cumulative size of blobs exceeds ${BLOBS_MAX_BYTES} bytes).`);
    const doubles = listOf(event.doubles).map(Number);
    if (doubles.length > DOUBLES_MAX) refuse(`Maximum of ${DOUBLES_MAX} doubles supported.`);
    return { index: indexes[0]?.wire ?? null, blobs: blobs.map(({ wire }) => wire), doubles };
  };

  class AnalyticsEngine {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    // Nobody waits for it, and nobody hears of what goes wrong behind it.
    writeDataPoint(event = {}) {
      const point = JSON.stringify(pointOf(event ?? {}));
      natives.call(this.#cap, "write", point).catch(() => {});
    }
  }

  return AnalyticsEngine;
}
