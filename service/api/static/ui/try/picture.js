/** The canvas to draw on, and the picture that the network gets. */

import { text } from "../texts.js";
import { fieldFault } from "./fields.js";

/** The longest side of a centred drawing, as a share of the picture: that of MNIST. */
const MIDDLE = 20 / 28;

/**
 * The part of a form that asks for a picture.
 * @param {any} form - Its description: `shape`, `largest` (the value of white), `pointer`.
 * @param {() => void} onChange - Called when something else is drawn or chosen.
 * @returns {{read: () => any, fill: (instance: any) => void, file: () => File | null, isEmpty: () => boolean,
 *   choose: (file: File) => void}}
 */
export function makePicture(form, onChange) {
  const [height, width] = form.shape;
  const seen = document.getElementById("seen").getContext("2d", { willReadFrequently: true });
  const canvas = document.getElementById("canvas");
  const chosen = document.getElementById("chosen");
  const input = document.getElementById("file");
  let pixels = null;
  let file = null;
  const board = canvas && makeBoard(canvas, () => {
    file = null;
    chosen.textContent = input.value = "";
    pixels = takeDrawing(board.context, seen, document.getElementById("centre").checked, form);
    onChange();
  });
  document.getElementById("centre")?.addEventListener("change", () => board.isDrawn() && board.changed());

  const choose = (one) => {
    file = one;
    pixels = null;
    board?.clear();
    chosen.textContent = one.name;
    showFile(one, seen, width, height);
    onChange();
  };
  input.addEventListener("change", () => input.files[0] && choose(input.files[0]));
  document.addEventListener("paste", (event) => {
    const one = [...event.clipboardData.files].find((pasted) => pasted.type.startsWith("image/"));
    if (one) choose(one);
  });
  document.getElementById("clear")?.addEventListener("click", () => {
    board.clear();
    pixels = file = null;
    chosen.textContent = input.value = "";
    seen.clearRect(0, 0, width, height);
    onChange();
  });
  return {
    choose,
    file: () => file,
    isEmpty: () => !file && !pixels,
    read: () => {
      if (!pixels) throw fieldFault(form.pointer, text("nothing_drawn"));
      return pixels;
    },
    fill: (instance) => {
      board?.clear();
      file = null;
      chosen.textContent = input.value = "";
      pixels = instance;
      drawInstance(instance, seen, form);
      if (board) {
        board.context.imageSmoothingEnabled = false;
        board.context.drawImage(seen.canvas, 0, 0, canvas.width, canvas.height);
      }
    },
  };
}

/** A canvas that one can draw on with any pointer. */
function makeBoard(canvas, changed) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const brush = document.getElementById("brush");
  let last = null;
  let drawn = false;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  const line = (to) => {
    context.strokeStyle = "#fff";
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = Number(brush.value);
    context.beginPath();
    context.moveTo(...(last ?? to));
    context.lineTo(...to);
    context.stroke();
    last = to;
    drawn = true;
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    line(place(event));
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && last && line(place(event)));
  canvas.addEventListener("pointerup", () => {
    last = null;
    changed();
  });
  return {
    context,
    changed,
    isDrawn: () => drawn,
    clear: () => {
      context.clearRect(0, 0, canvas.width, canvas.height);
      drawn = false;
    },
  };
}

/** The drawing in the size of the network's pictures, as nested numbers; also shown as what the network gets. */
function takeDrawing(context, seen, isCentred, form) {
  const [height, width] = form.shape;
  const source = context.canvas;
  const box = isCentred ? findBox(context) : null;
  seen.fillStyle = "#000";
  seen.fillRect(0, 0, width, height);
  seen.imageSmoothingEnabled = true;
  seen.imageSmoothingQuality = "high";
  if (box) {
    const scale = (MIDDLE * Math.min(width, height)) / Math.max(box.width, box.height);
    const left = width / 2 - (box.middleX - box.left) * scale;
    const top = height / 2 - (box.middleY - box.top) * scale;
    seen.drawImage(source, box.left, box.top, box.width, box.height, left, top, box.width * scale, box.height * scale);
  } else {
    seen.drawImage(source, 0, 0, width, height);
  }
  const { data } = seen.getImageData(0, 0, width, height);
  const value = (x, y) => round((data[4 * (y * width + x)] / 255) * form.largest, form.largest);
  const cell = form.shape.length === 3 ? (x, y) => [value(x, y)] : value;
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (__, x) => cell(x, y)));
}

const round = (value, largest) => (largest > 1 ? Math.round(value) : Number(value.toFixed(3)));

/** The box around what is drawn, and its centre of mass. */
function findBox(context) {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  let [left, top, right, bottom, mass, sumX, sumY] = [width, height, -1, -1, 0, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const ink = data[4 * (y * width + x) + 3];
      if (!ink) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      mass += ink;
      sumX += ink * x;
      sumY += ink * y;
    }
  }
  if (!mass) return null;
  return { left, top, width: right - left + 1, height: bottom - top + 1, middleX: sumX / mass, middleY: sumY / mass };
}

function drawInstance(instance, seen, form) {
  const [height, width] = form.shape;
  const image = seen.createImageData(width, height);
  instance.forEach((row, y) => row.forEach((cell, x) => {
    const [red, green = red, blue = red] = Array.isArray(cell) ? cell : [cell];
    const at = 4 * (y * width + x);
    [red, green, blue].forEach((value, channel) => { image.data[at + channel] = (value / form.largest) * 255; });
    image.data[at + 3] = 255;
  }));
  seen.putImageData(image, 0, 0);
}

async function showFile(file, seen, width, height) {
  seen.clearRect(0, 0, width, height);
  // What isn't a picture is left to the service, which says why.
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap) seen.drawImage(bitmap, 0, 0, width, height);
}
