/** How modules show numbers, times and sizes: as the server does in formatting.py. */

/** A number with at most `digits` significant digits, but with all those of its whole part; `–` for none. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (Number.isSafeInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-5 || size >= 1e9)) return value.toExponential(digits - 1);
  const decimals = size === 0 ? 0 : Math.max(digits - 1 - Math.floor(Math.log10(size)), 0);
  return value.toLocaleString("en-US", { maximumFractionDigits: decimals });
}

/** A duration, such as `1.4 s`, `3 min 20 s` or `2 h 5 min`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600).toLocaleString("en-US")} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A size with its unit. */
export function bytes(value) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return unit ? `${Number(value.toPrecision(3))} ${units[unit]}` : `${value} ${units[0]}`;
}
