/** Arrays as NumPy sees them: nested lists, their shape and dtype, broadcasting, and the dot product. */

/** Something that NumPy refuses; the message is NumPy's own. */
export class NumpyError extends Error {}

/** A shape as NumPy prints it: (), (3,), (2, 3). */
export const shown = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

/** A shape inside of NumPy's error messages: without spaces. */
const packed = (shape) => shown(shape).replaceAll(" ", "");

/** How many values an array of this shape has. */
export const sizeOf = (shape) => shape.reduce((product, length) => product * length, 1);

const TOKEN = /\s*(?:([[\],])|(True|False)\b|([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))/y;

/**
 * Reads a literal of Python: numbers, True, False and lists of them.
 * @returns {{nested: *, dtype: string}} numbers and booleans in lists; the dtype that NumPy gives them
 * @throws {SyntaxError} what is not such a literal; its message is the rest of the text that can't be read
 */
export function readLiteral(source) {
  const kinds = new Set();
  TOKEN.lastIndex = 0;
  let token = null;
  const advance = () => {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (!match && source.slice(start).trim()) throw new SyntaxError(source.slice(start).trim());
    token = match;
  };
  const value = () => {
    if (!token) throw new SyntaxError("");
    const [, sign, word, digits] = token;
    if (sign === "[") return list();
    if (sign) throw new SyntaxError(sign);
    const number = word ? word === "True" : Number(digits);
    kinds.add(word ? "bool" : /[.eE]/.test(digits) ? "float64" : "int64");
    if (digits && kinds.has("int64") && Math.abs(number) > Number.MAX_SAFE_INTEGER) throw new SyntaxError(digits);
    advance();
    return number;
  };
  const list = () => {
    const items = [];
    advance();
    while (token?.[1] !== "]") {
      items.push(value());
      if (token?.[1] === ",") advance();
      else if (token?.[1] !== "]") throw new SyntaxError(token?.[0].trim() ?? "");
    }
    advance();
    return items;
  };
  advance();
  const nested = value();
  if (token) throw new SyntaxError(token[0].trim());
  const dtype = ["float64", "int64", "bool"].find((kind) => kinds.has(kind)) ?? "float64";
  return { nested, dtype };
}

/**
 * The shape of nested lists.
 * @throws {NumpyError} lists of different lengths, or a list beside a number
 */
export function shapeOf(nested) {
  const shape = [];
  let level = [nested];
  while (level.length && level.some(Array.isArray)) {
    const length = level[0].length;
    if (!level.every((item) => Array.isArray(item) && item.length === length)) {
      throw new NumpyError(
        "setting an array element with a sequence. The requested array has an inhomogeneous shape after " +
        `${shape.length} dimensions. The detected shape was ${shown(shape)} + inhomogeneous part.`);
    }
    shape.push(length);
    level = level.flat();
  }
  return shape;
}

/**
 * The shape that two shapes broadcast to, and for each axis from the left what happens to it.
 * @returns {{shape: number[], axes: {a: ?number, b: ?number, result: ?number}[]}} null: the shape lacks the axis;
 *   a result of null: the axis does not match, and `error` is NumPy's message
 */
export function broadcast(a, b) {
  const rank = Math.max(a.length, b.length);
  const axes = Array.from({ length: rank }, (_, index) => {
    const [left, right] = [a, b].map((shape) => shape[index - rank + shape.length] ?? null);
    const [first, second] = [left ?? 1, right ?? 1];
    const matches = first === second || first === 1 || second === 1;
    return { a: left, b: right, result: matches ? (first === 1 ? second : first) : null };
  });
  if (axes.every(({ result }) => result !== null)) return { shape: axes.map(({ result }) => result), axes };
  const error = `operands could not be broadcast together with shapes ${packed(a)} ${packed(b)} `;
  return { shape: null, axes, error };
}

/** The values of nested lists of this shape: `value(index)` for each index, counted from 0 in C order. */
export function filled(shape, value, start = 0) {
  if (!shape.length) return value(start);
  const [length, ...rest] = shape;
  return Array.from({ length }, (_, index) => filled(rest, value, start + index * sizeOf(rest)));
}

/**
 * The product of two matrices, as np.dot computes it.
 * @throws {NumpyError} if a has not as many columns as b has rows
 */
export function dot(a, b) {
  const [left, right] = [shapeOf(a), shapeOf(b)];
  if (left[1] !== right[0]) {
    throw new NumpyError(`shapes ${packed(left)} and ${packed(right)} not aligned: ${left[1]} (dim 1) != ${right[0]} (dim 0)`);
  }
  return a.map((row) => b[0].map((_, column) => row.reduce((sum, value, index) => sum + value * b[index][column], 0)));
}
