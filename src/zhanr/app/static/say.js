// Words for screen readers. Several may come at once, and all of them should be read.

const live = document.getElementById("live");

export function say(text) {
  const line = document.createElement("p");
  line.textContent = text;
  live.append(line);
  setTimeout(() => line.remove(), 20_000);
}
