// What the page asks of the server: upload a file, hear how far it is, ask why, delete it.

const UPLOADS = "/media/uploads";

/** An answer that is an error, with the server's own sentence. */
export class Refused extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

function refused(status, body, retryAfter) {
  let detail = "";
  try { detail = JSON.parse(body).detail; } catch { /* no problem+json */ }
  return new Refused(status, detail || `The server answered with error ${status}.`, Number(retryAfter) || 0);
}

/** Send a file; `told(share)` hears how much of it has gone. Resolves to {id, name, size}. */
export function upload(file, name, told, signal) {
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
    signal.addEventListener("abort", () => { request.abort(); reject(signal.reason); });
    request.send(file);
  });
}

/** The events of an analysis, as they come. */
export async function* analysis(id, signal) {
  const response = await fetch(`${UPLOADS}/${id}/analysis`, { signal });
  if (!response.ok) throw refused(response.status, await response.text(), response.headers.get("Retry-After"));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) yield JSON.parse(part.slice("data: ".length));
  }
}

async function json(response) {
  if (!response.ok) throw refused(response.status, await response.text(), response.headers.get("Retry-After"));
  return response.json();
}

/** What spoke for a genre. */
export const why = async (id, genre, signal) =>
  json(await fetch(`${UPLOADS}/${id}/why?genre=${encodeURIComponent(genre)}`, { signal }));

/** Have an upload decoded into a form that every browser plays; it is another upload, {id}. */
export const plainSound = async (id, signal) => json(await fetch(`${UPLOADS}/${id}/sound`, { method: "POST", signal }));

export const uploadSound = (id) => `${UPLOADS}/${id}`;

export const librarySound = (id) => `/media/library/${id}`;

/** Delete an upload; it must work while the page is being closed, too. */
export const forget = (id) => fetch(`${UPLOADS}/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
