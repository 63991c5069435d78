// Texts whose colour is too near that of their ground for WCAG 2's level AA, and their contrast.
() => {
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const srgb = (colour) => {
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => rgb.map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor, parts = colour.match(/[\d.]+/g) ?? [];
      if (parts.length === 3 || Number(parts[3]) === 1) return srgb(colour);
    }
    return [255, 255, 255];
  };
  const hidden = ".z-hidden, .z-skip, :disabled";
  const bad = [];
  for (const element of document.querySelectorAll("h1, h2, h3, p, a, b, button, li, span")) {
    const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    const shown = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!own || !shown || element.closest(hidden)) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const [light, dark] = [luminance(srgb(style.color)), luminance(ground(element))].sort((a, b) => b - a);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < (large ? 3 : 4.5)) bad.push([element.textContent, contrast.toFixed(2)]);
  }
  return bad;
}
