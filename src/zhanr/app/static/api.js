// Everything that pages ask of the server: JSON, uploads and their answers, sounds.

import { bytes } from "./dom.js";

const UPLOADS = "/media/uploads";
export const GONE = "The server can’t be reached. Is zhanr still running?";

/** A response that is an error, with the server's own sentence; `retryAfter` in seconds. */
export class Refused extends Error {
  constructor(status, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export const get = async (path, values = {}, signal) =>
  json(await ask(`${path}?${new URLSearchParams(values)}`, { signal }));

export const post = async (path, values = {}, signal) =>
  json(
    await ask(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(values),
      signal,
    }),
  );

/** What went wrong in words; nothing where a request was given up. */
export const reason = (error) => (error.name === "AbortError" ? "" : error.message || String(error));

/** fetch, whose own words for a server that is gone are the browser's and not ours. */
async function ask(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError" || options.signal?.aborted) throw error;
    throw new Refused(0, GONE);
  }
}

async function json(response) {
  const text = await response.text();
  if (!response.ok) throw refused(response.status, text, response.headers.get("Retry-After"));
  const body = JSON.parse(text);
  if (body.refused) throw new Refused(response.status, body.refused);
  return body;
}

function refused(status, text, retryAfter) {
  let detail = "";
  try {
    detail = JSON.parse(text).detail;
  } catch {
    // no problem+json
  }
  return new Refused(status, detail || `The server answered with error ${status}.`, Number(retryAfter) || 0);
}

// -- uploads

/** Send a file; `told(share)` hears how much of it has gone. Resolves to {id, name, size}. */
export function upload(file, name, told, signal) {
  told(0);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch doesn't say how much has been sent
    request.open("POST", `${UPLOADS}?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
    request.onload = () =>
      request.status === 201
        ? resolve(JSON.parse(request.responseText))
        : reject(refused(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    request.onerror = () => reject(new Refused(0, "The server can’t be reached, or it has ended the upload."));
    signal.addEventListener("abort", () => {
      request.abort();
      reject(signal.reason);
    });
    request.send(file);
  });
}

/** The events of an analysis, as they come. */
export async function* analysis(id, signal) {
  const response = await ask(`${UPLOADS}/${id}/analysis`, { signal });
  if (!response.ok) throw refused(response.status, await response.text(), response.headers.get("Retry-After"));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) yield unpacked(JSON.parse(part.slice("data: ".length)));
  }
}

const unpacked = ({ song, ...event }) =>
  song ? { ...event, song: { ...song, picture: bytes(song.picture), peaks: bytes(song.peaks) } } : event;

/** What spoke for a genre. */
export const why = (id, genre, signal) => get(`${UPLOADS}/${id}/why`, { genre }, signal);

/** Have an upload decoded into a form that every browser plays; it is another upload, {id}. */
export const plainSound = (id, signal) => post(`${UPLOADS}/${id}/sound`, {}, signal);

/** Which of these uploads the server still has. */
export const present = async (ids) => (await post(`${UPLOADS}/present`, { ids })).ids;

export const uploadSound = (id) => `${UPLOADS}/${id}`;

export const librarySound = (id) => `/media/library/${id}`;

/** The address of a library's song in a form that every browser plays. */
export const plainLibrarySound = async (id) => uploadSound((await post(`${librarySound(id)}/sound`)).id);

/** Delete an upload; where the server is away, it has none. */
export const forget = (id) => fetch(`${UPLOADS}/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
