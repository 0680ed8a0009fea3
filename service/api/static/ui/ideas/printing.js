/** How NumPy prints a small array: print(a), with the default print options. */

const PRECISION = 8;
const LINE_WIDTH = 75;

/** A float is printed with an exponent if any is beyond 10⁸, below 10⁻⁴, or 1,000 times another. */
function needsExponent(values) {
  const sizes = values.map(Math.abs).filter((size) => size > 0);
  if (!sizes.length) return false;
  const [largest, smallest] = [Math.max(...sizes), Math.min(...sizes)];
  return largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1000;
}

const withoutZeros = (decimals) => decimals.replace(/0+$/, "");

function withExponents(values) {
  const parts = values.map((value) => {
    const digits = /\.(\d+)e/.exec(value.toExponential())?.[1].length ?? 0;
    const [, whole, decimals = "", sign, power] =
      /^(-?\d)(?:\.(\d+))?e([+-])(\d+)$/.exec(value.toExponential(Math.min(digits, PRECISION)));
    return { whole, decimals: withoutZeros(decimals), sign, power };
  });
  const decimals = Math.max(...parts.map((part) => part.decimals.length));
  const powers = Math.max(2, ...parts.map(({ power }) => power.length));
  return parts.map((part) =>
    `${part.whole}.${part.decimals.padEnd(decimals, "0")}e${part.sign}${part.power.padStart(powers, "0")}`);
}

function floats(values) {
  if (needsExponent(values)) return withExponents(values);
  const parts = values.map((value) => `${Object.is(value, -0) ? "-" : ""}${value.toFixed(PRECISION)}`.split("."));
  const width = Math.max(...parts.map(([, decimals]) => withoutZeros(decimals).length));
  return parts.map(([whole, decimals]) => `${whole}.${withoutZeros(decimals).padEnd(width)}`);
}

const WORDS = {
  bool: (values) => values.map((value) => (value ? "True" : "False")),
  int64: (values) => values.map((value) => String(Number(value))),
  float64: (values) => floats(values.map(Number)),
};

/**
 * What print(np.array(nested)) writes.
 * @param {*} nested numbers or booleans in lists
 * @param {number[]} shape
 * @param {"bool"|"int64"|"float64"} dtype
 */
export function printed(nested, shape, dtype) {
  if (!shape.length) return scalar(nested, dtype);
  const words = WORDS[dtype](nested.flat(Infinity));
  if (!words.length) return "[]";
  const width = Math.max(...words.map((word) => word.length));
  return brackets(words.map((word) => word.padStart(width)), shape, " ", LINE_WIDTH);
}

/** Brackets around each axis; n − 1 line breaks between the items of an axis with n axes from it on. */
function brackets(words, [length, ...rest], indent, width) {
  if (!rest.length) return row(words, indent, width - 1);
  const count = words.length / length;
  const items = Array.from({ length }, (_, index) =>
    brackets(words.slice(index * count, (index + 1) * count), rest, `${indent} `, width - 1));
  return `[${items.join("\n".repeat(rest.length) + indent)}]`;
}

/** The last axis: its words on lines of at most `width` characters. */
function row(words, indent, width) {
  const lines = [indent];
  for (const word of words) {
    const line = lines.at(-1);
    if (line.length > indent.length && line.length + word.length > width) lines.push(`${indent}${word} `);
    else lines[lines.length - 1] += `${word} `;
  }
  return `[${lines.map((line) => line.replace(/ $/, "")).join("\n").slice(indent.length)}]`;
}

/** A single value is printed as Python prints it. */
function scalar(value, dtype) {
  if (dtype !== "float64") return WORDS[dtype]([value])[0];
  const size = Math.abs(value);
  if (size && (size < 1e-4 || size >= 1e16)) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
