// Files may be dropped anywhere, on every page; folders give the files in them.

/** `overlay` covers the page while files are above it; `add(files)` gets them. */
export function dropping(overlay, add) {
  let depth = 0;
  const show = (visible) => overlay.classList.toggle("visible", visible);
  const onFiles = (type, act) =>
    document.addEventListener(type, (event) => event.dataTransfer?.types.includes("Files") && act(event));
  onFiles("dragenter", () => show(++depth > 0));
  onFiles("dragleave", () => {
    depth = Math.max(0, depth - 1);
    show(depth > 0);
  });
  onFiles("dragover", (event) => event.preventDefault());
  onFiles("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    show(false);
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = [...event.dataTransfer.files];
    const folders = entries.some((entry) => entry.isDirectory);
    add(folders ? (await Promise.all(entries.map(inside))).flat() : plain);
  });
}

async function inside(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some.filter((e) => !e.name.startsWith(".")));
  }
  return (await Promise.all(found.map(inside))).flat();
}
