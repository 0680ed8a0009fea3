/** A handwritten eight of 28 × 28 pixels, as large as those of MNIST, and the result of a kernel on it. */

import { html } from "./controls.js";
import { convolve } from "./convolve.js";
import { text } from "../texts.js";

const SIZE = 28;
const FULL = 9;
const STROKE = 2.6;
/** Two rings, as centre and radii in pixels. */
const RINGS = [{ x: 14.6, y: 8.4, across: 4.3, down: 4.2 }, { x: 13.4, y: 18.6, across: 5.4, down: 5.6 }];

/** The distance of a pixel to a ring, along the ray from its centre. */
function distance(ring, x, y) {
  const [right, below] = [x - ring.x, y - ring.y];
  const share = Math.hypot(right / ring.across, below / ring.down);
  return share ? Math.hypot(right, below) * Math.abs(1 - 1 / share) : Math.min(ring.across, ring.down);
}

/** Values from 0 to 9: full within the stroke, fading over the width of a pixel. */
const EIGHT = Array.from({ length: SIZE }, (_, y) => Array.from({ length: SIZE }, (__, x) => {
  const nearest = Math.min(...RINGS.map((ring) => distance(ring, x, y)));
  return FULL * Math.min(Math.max(STROKE / 2 + 0.5 - nearest, 0), 1);
}));

/** Draws values as squares: blue above 0, orange below, the stronger the larger. */
function paint(canvas, values, most) {
  const style = getComputedStyle(canvas);
  const pixel = Math.floor(canvas.width / values.length);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  values.forEach((line, y) => line.forEach((value, x) => {
    pen.fillStyle = style.getPropertyValue(value < 0 ? "--idea-b" : "--idea-a");
    pen.globalAlpha = Math.min(Math.abs(value) / most, 1);
    pen.fillRect(x * pixel, y * pixel, pixel, pixel);
  }));
}

/** The picture beside the result; `show` takes the kernel and the options of `convolve`. */
export function largePicture() {
  const canvases = [0, 1].map(() => html("canvas", { class: "large-picture", width: "364", height: "364", role: "img" }));
  const captions = canvases.map(() => html("figcaption", { class: "hint number" }));
  canvases[0].setAttribute("aria-label", text("convolution_eight"));
  captions[0].textContent = `${SIZE} × ${SIZE}`;
  let last = null;
  const show = (kernel, options) => {
    last = [kernel, options];
    const result = convolve(EIGHT, kernel, options);
    paint(canvases[0], EIGHT, FULL);
    paint(canvases[1], result, Math.max(...result.flat().map(Math.abs), 1));
    canvases[1].setAttribute("aria-label", text("convolution_eight_result", { size: result.length }));
    captions[1].textContent = `${result.length} × ${result.length}`;
  };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(...last));
  const element = html("div", { class: "large-pictures" },
    ...canvases.map((canvas, index) => html("figure", { class: "captioned" }, canvas, captions[index])));
  return { element, show };
}
