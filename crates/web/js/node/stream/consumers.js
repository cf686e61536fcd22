// `node:stream/consumers`: all that a stream gives, at once. https://nodejs.org/api/webstreams.html#utility-consumers

import { blobFromBytes } from "../../blob.js";
import { natives } from "../../natives.js";
import { joined } from "../../streams/sources.js";
import { Buffer } from "../buffer.js";

async function bytesOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return joined(chunks);
}

export const blob = async (stream) => blobFromBytes(await bytesOf(stream), "");
export const buffer = async (stream) => Buffer.from(await bytesOf(stream));
export const text = async (stream) => natives.decodeUtf8(await bytesOf(stream));
export const json = async (stream) => JSON.parse(await text(stream));
export const arrayBuffer = async (stream) => (await bytesOf(stream)).slice().buffer;

export default { arrayBuffer, blob, buffer, json, text };
