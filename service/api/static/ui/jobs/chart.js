/** Curves over epochs, drawn by uPlot in the colours of the page's theme. */

const SMALLEST = { width: 300, height: 200 };
const FONT = "12px system-ui, sans-serif";
const DASHES = [[], [7, 4], [2, 3]];
const LABEL_SPACE = 64;
const COLORS = 8;

const darkness = matchMedia("(prefers-color-scheme: dark)");

// Reading a style makes the browser compute all that changed, so each is read once per theme.
const styles = new Map();
darkness.addEventListener("change", () => styles.clear());

/** A custom property of the page's style, such as `--muted`. */
function style(name) {
  if (!styles.has(name)) styles.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return styles.get(name);
}

/** The colour of line `index`; colours repeat with another dash. */
const color = (index) => style(`--series-${(index % COLORS) + 1}`);

const dash = (index) => DASHES[Math.floor(index / COLORS) % DASHES.length];

/**
 * Draw curves.
 * @param {HTMLElement} place - Gets the drawing, which fills it.
 * @param {{label: string, color: number, dash?: number[], width?: number, isStepped?: boolean}[]} lines
 * @param {(number | null)[][]} data - The epochs, then the values of each line.
 * @param {{isLog?: boolean, marks?: () => Mark[], onHover?: (index: number | null) => void,
 *   onFocus?: (line: number | null) => void}} [options] `onHover` gets the index of the epoch under the pointer,
 *   `onFocus` the index of the line next to it.
 * @typedef {{epoch: number, kind: "best" | "order" | "pause" | "rate", label?: string, value?: number}} Mark
 */
export class Chart {
  constructor(place, lines, data, options = {}) {
    this.options = options;
    this.isZoomed = false;
    this.plot = new window.uPlot(this.#describe(place, lines), this.#prepare(data), place);
    this.plot.over.addEventListener("dblclick", () => (this.isZoomed = false));
    this.resizing = new ResizeObserver(() => {
      if (place.clientWidth && place.clientWidth !== this.plot.width) {
        this.plot.setSize(sizeOf(place));
      }
    });
    this.resizing.observe(place);
    this.redraw = () => this.plot.redraw(false);
    darkness.addEventListener("change", this.redraw);
  }

  /** Show other values of the same lines. A part that the user zoomed in on stays. */
  update(data) {
    this.plot.setData(this.#prepare(data), !this.isZoomed);
    if (this.isZoomed) this.plot.redraw();
  }

  /** Emphasise a line, or none. */
  focus(line) {
    this.plot.setSeries(line === null ? null : line + 1, { focus: line !== null });
  }

  destroy() {
    this.resizing.disconnect();
    darkness.removeEventListener("change", this.redraw);
    this.plot.destroy();
  }

  // A logarithmic scale has no place for numbers that aren't positive.
  #prepare([epochs, ...values]) {
    if (!this.options.isLog) return [epochs, ...values];
    return [epochs, ...values.map((column) => column.map((value) => (value > 0 ? value : null)))];
  }

  #describe(place, lines) {
    const { isLog, onHover, onFocus } = this.options;
    const axis = { stroke: () => style("--muted"), font: FONT, grid: { stroke: () => style("--line"), width: 1 }, ticks: { show: false } };
    return {
      ...sizeOf(place),
      padding: [16, 12, 0, 0],
      legend: { show: false },
      focus: { alpha: onFocus ? 0.25 : 1 },
      cursor: { focus: onFocus ? { prox: 24 } : undefined, points: { size: 8 }, drag: { x: true, y: false } },
      scales: {
        x: { time: false, range: (_, least, most) => (least === most ? [least - 0.5, most + 0.5] : [least, most]) },
        y: { distr: isLog ? 3 : 1 },
      },
      axes: [
        { ...axis, size: 28, incrs: [1, 2, 5].flatMap((step) => [...Array(9).keys()].map((power) => step * 10 ** power)).sort((a, b) => a - b) },
        {
          ...axis,
          size: 56,
          grid: { ...axis.grid, filter: (_, ticks) => (isLog ? ticks.map((tick) => (isPower(tick) ? tick : null)) : ticks) },
          values: (_, ticks) => ticks.map(shorten),
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: () => color(line.color),
          dash: line.dash ?? dash(line.color),
          width: line.width ?? 2,
          spanGaps: true,
          paths: line.isStepped ? window.uPlot.paths.stepped({ align: -1 }) : undefined,
          points: { size: 5 },
        })),
      ],
      hooks: {
        draw: [(plot) => drawMarks(plot, this.options.marks?.() ?? [])],
        setCursor: [(plot) => onHover?.(plot.cursor.idx ?? null)],
        setSeries: [(_, line) => onFocus?.(line === null || line === undefined ? null : line - 1)],
        setSelect: [(plot) => (this.isZoomed ||= plot.select.width > 0)],
      },
    };
  }
}

function sizeOf(place) {
  return { width: place.clientWidth || SMALLEST.width, height: place.clientHeight || SMALLEST.height };
}

const isPower = (value) => Number.isInteger(Number(Math.log10(value).toFixed(9)));

function shorten(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential().replace(/\.?(\d{3})\d*e/, ".$1e").replace("e+", "e");
  return String(Number(value.toPrecision(6)));
}

function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  const scale = window.devicePixelRatio || 1;
  let free = -Infinity;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - 4 * scale, 0, bbox.width + 8 * scale, bbox.top + bbox.height);
  ctx.clip();
  ctx.font = `${11 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  for (const mark of [...marks].sort((a, b) => a.epoch - b.epoch)) {
    const x = Math.round(plot.valToPos(mark.epoch, "x", true));
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
    ctx.strokeStyle = ctx.fillStyle = style(mark.kind === "best" ? "--good" : "--muted");
    if (mark.kind === "rate") {
      drawTriangle(ctx, x, bbox.top + bbox.height, 5 * scale);
      continue;
    }
    drawLine(ctx, x, bbox, mark.kind === "best" ? [] : [4 * scale, 4 * scale], scale);
    if (mark.value !== undefined) drawDot(ctx, x, plot.valToPos(mark.value, "y", true), 4 * scale);
    if (mark.label && x >= free) {
      const width = ctx.measureText(mark.label).width;
      const right = x + width + 6 * scale > bbox.left + bbox.width;
      ctx.fillText(mark.label, right ? x - width : x, bbox.top - 5 * scale);
      free = x + Math.max(LABEL_SPACE * scale, width + 8 * scale);
    }
  }
  ctx.restore();
}

function drawLine(ctx, x, bbox, dashes, scale) {
  ctx.beginPath();
  ctx.lineWidth = scale;
  ctx.setLineDash(dashes);
  ctx.moveTo(x + 0.5, bbox.top);
  ctx.lineTo(x + 0.5, bbox.top + bbox.height);
  ctx.stroke();
}

function drawDot(ctx, x, y, radius) {
  ctx.beginPath();
  ctx.setLineDash([]);
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}

function drawTriangle(ctx, x, y, size) {
  ctx.beginPath();
  ctx.moveTo(x, y - 2 * size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x - size, y);
  ctx.fill();
}
