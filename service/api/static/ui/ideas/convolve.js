/** A convolution of one picture with one kernel, as Keras's Conv2D computes it: the kernel is not flipped. */

/** Pixels added at the start of an axis, and the size of the result on that axis (TensorFlow's rules of padding). */
export function axis(size, kernel, { stride, padding }) {
  if (padding === "valid") return { before: 0, after: 0, size: Math.floor((size - kernel) / stride) + 1 };
  const result = Math.ceil(size / stride);
  const total = Math.max((result - 1) * stride + kernel - size, 0);
  return { before: Math.floor(total / 2), after: Math.ceil(total / 2), size: result };
}

/**
 * The picture's pixels under the kernel at one position of the result; 0 outside of the picture.
 * @returns {{top: number, left: number, values: number[][]}} top and left may be negative: in the padding
 */
export function patch(picture, kernel, [row, column], options) {
  const top = row * options.stride - axis(picture.length, kernel.length, options).before;
  const left = column * options.stride - axis(picture[0].length, kernel[0].length, options).before;
  const values = kernel.map((line, y) => line.map((_, x) => picture[top + y]?.[left + x] ?? 0));
  return { top, left, values };
}

/** The sum of the products of two grids of one shape. */
export const sumOfProducts = (a, b) =>
  a.reduce((sum, line, y) => sum + line.reduce((total, value, x) => total + value * b[y][x], 0), 0);

/** The whole result, as rows of numbers. */
export function convolve(picture, kernel, options) {
  const rows = axis(picture.length, kernel.length, options).size;
  const columns = axis(picture[0].length, kernel[0].length, options).size;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) =>
      sumOfProducts(patch(picture, kernel, [row, column], options).values, kernel)));
}

/** 3×3 kernels by name. */
export const KERNELS = {
  vertical: [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
  horizontal: [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
  outline: [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
  blur: [[1 / 9, 1 / 9, 1 / 9], [1 / 9, 1 / 9, 1 / 9], [1 / 9, 1 / 9, 1 / 9]],
  sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
  identity: [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
};

const drawn = (lines) => lines.map((line) => [...line].map((sign) => (sign === "#" ? 9 : sign === "+" ? 4 : 0)));

/** 10×10 pictures by name; values from 0 (empty) to 9 (full). */
export const PICTURES = {
  seven: drawn([
    "..........", ".########.", ".########.", "......+##.", ".....+##..", ".....##...", "....+##...", "....##....",
    "....##....", "..........",
  ]),
  square: drawn([
    "..........", "..........", "..######..", "..######..", "..##..##..", "..##..##..", "..######..", "..######..",
    "..........", "..........",
  ]),
  bars: drawn(Array(10).fill("..##..##..")),
  slope: drawn([
    "#+........", "##+.......", "###+......", "####+.....", "#####+....", "######+...", "#######+..", "########+.",
    "#########+", "##########",
  ]),
};
