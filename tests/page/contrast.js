// WCAG 2.2, 1.4.3: the contrast of each text that can be seen against what is behind it. Returns those below the bound.
const done = arguments[arguments.length - 1];

function channel(value) {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
}
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);

// Any colour that CSS can say, as red, green, blue, alpha.
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const known = new Map();
function colour(text) {
  if (!known.has(text)) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    known.set(text, [r, g, b, a / 255]);
  }
  return known.get(text);
}
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));

// What is behind the texts of an element, and how much of them is seen.
const behind = new Map();
function behindOf(element) {
  if (!element) return { ground: [255, 255, 255], opacity: 1 };
  if (!behind.has(element)) {
    const below = behindOf(element.parentElement);
    const style = getComputedStyle(element);
    behind.set(element, { ground: over(colour(style.backgroundColor), below.ground), opacity: below.opacity * Number(style.opacity) });
  }
  return behind.get(element);
}

const isSeen = (element, range) => {
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
  const box = range.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
};

// Colours on their way to others are not looked at.
for (const animation of document.getAnimations()) {
  if (animation.effect.getComputedTiming().endTime === Infinity) animation.cancel();
  else animation.finish();
}

const found = [];
let texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  if (!/\S/.test(node.data)) continue;
  const element = node.parentElement;
  const range = document.createRange();
  range.selectNodeContents(node);
  if (!isSeen(element, range)) continue;
  const style = getComputedStyle(element);
  const inSvg = element instanceof SVGElement;
  const { ground, opacity } = behindOf(element);
  const [r, g, b, a] = colour(inSvg ? style.fill : style.color);
  const text = over([r, g, b, a * opacity], ground);
  const [light, dark] = [luminance(text), luminance(ground)].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  ++texts;
  if (ratio < (isLarge ? 3 : 4.5))
    found.push(`${ratio.toFixed(2)} "${node.data.trim().slice(0, 40)}" ${element.tagName}.${element.getAttribute("class") ?? ""}`);
}
done({ texts, found });
