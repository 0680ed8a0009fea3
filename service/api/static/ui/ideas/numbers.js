/** Numbers as the pages write them. */

const signed = (words) => words.replace(/^-/, "−");

/** A number with `digits` decimals: −1.50; "−0.00" is written without its sign. */
export function decimal(value, digits = 2) {
  const words = value.toFixed(digits);
  return Number(words) === 0 ? words.replace("-", "") : signed(words);
}

/** What is added, with its sign: + 1.50, − 1.50. */
export const added = (value, digits = 2) => (value < 0 ? `− ${decimal(-value, digits)}` : `+ ${decimal(value, digits)}`);

/** A number with `digits` significant digits; large and small ones as 1.3 × 10⁶. */
export function significant(value, digits = 3) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${signed(mantissa)} × 10${superscript(Number(exponent))}`;
  }
  return signed(String(Number(value.toPrecision(digits))));
}

/** A power of ten: 100, 10⁶. */
export function power(value) {
  const exponent = Math.round(Math.log10(value));
  return exponent >= 0 && exponent <= 3 ? String(value) : `10${superscript(exponent)}`;
}

const superscript = (exponent) => [...String(exponent)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
