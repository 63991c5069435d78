// Ten seconds from the microphone.

import { say } from "./say.js";

const SECONDS = 10;
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);

/** Wires a button: the first press starts, the second one ends early; `done(file)` gets what was
 * recorded, `failed(text)` why nothing is, or "" when it is tried again. */
export function recorder(button, { done, failed }) {
  const words = button.querySelector("span"),
    idle = words.textContent;
  let running = null;

  async function start() {
    failed("");
    button.disabled = true;
    let stream;
    try {
      // as it sounds in the room: what makes speech clearer spoils music
      const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      failed(
        error.name === "NotFoundError"
          ? "No microphone was found. Plug one in, and try again."
          : "The microphone may not be used. Allow it beside the address of this page, and try again.",
      );
      return;
    } finally {
      button.disabled = false;
    }
    record(stream);
  }

  function record(stream) {
    const type = TYPES.find((t) => MediaRecorder.isTypeSupported(t));
    const media = new MediaRecorder(stream, type ? { mimeType: type } : {}),
      parts = [];
    media.ondataavailable = (event) => parts.push(event.data);
    media.onstop = () => {
      clearInterval(running);
      running = null;
      for (const track of stream.getTracks()) track.stop();
      button.classList.remove("recording");
      words.textContent = idle;
      const suffix = media.mimeType.includes("ogg") ? "ogg" : media.mimeType.includes("mp4") ? "m4a" : "webm";
      const now = new Date().toTimeString().slice(0, 5).replace(":", ".");
      done(new File(parts, `Recording ${now}.${suffix}`, { type: media.mimeType }));
    };
    media.start();
    button.classList.add("recording");
    say("Recording ten seconds.");
    const end = performance.now() + 1000 * SECONDS;
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      words.textContent = `Listening, ${Math.max(0, left)} s left`;
      if (left <= 0) media.stop();
    };
    running = setInterval(tick, 200);
    tick();
    button.onclick = () => {
      button.onclick = press;
      media.state === "recording" && media.stop();
    };
    media.addEventListener("stop", () => (button.onclick = press));
  }

  const press = () => running === null && start();
  button.onclick = press;
}
