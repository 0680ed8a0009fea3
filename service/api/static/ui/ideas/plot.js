/** Plots as SVG, drawn at the size of their place, so that type and lines keep theirs. Colours are classes of ideas.css. */

import { power, significant } from "./numbers.js";

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children. */
export function shape(name, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Round numbers within a range, some `count` of them, 1, 2 or 5 times a power of ten apart. */
export function ticks([low, high], count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

const decades = ([low, high]) => {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const stride = Math.ceil((last - first + 1) / 5);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    .filter((power) => (power - first) % stride === 0).map((power) => 10 ** power);
};

const LEAST_HEIGHT = 280;
const MARGIN = { top: 12, right: 12, bottom: 44, left: 52 };
let plots = 0;

/** A plot with axes. `draw(plot)` is called whenever it has to be drawn: on `refresh()` and when its width changes. */
export class Plot {
  /**
   * @param {HTMLElement} place
   * @param {{label: string, x: [number, number], y: [number, number], xLabel: string, yLabel: string,
   *   ratio?: number, height?: number, logarithmic?: boolean, draw: (plot: Plot) => void}} options either `ratio`, the
   *   height of the whole plot by its width, or `height` in pixels; `logarithmic`: of the y axis
   */
  constructor(place, options) {
    this.options = options;
    this.clip = `ideas-plot-${plots += 1}`;
    this.svg = shape("svg", { role: "img", class: "plot", "aria-label": options.label });
    place.append(this.svg);
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width && width !== this.width) this.resize(width);
    }).observe(place);
  }

  resize(width) {
    this.width = width;
    this.height = this.options.height ?? Math.max(Math.round(width * this.options.ratio), LEAST_HEIGHT);
    this.svg.setAttribute("width", this.width);
    this.svg.setAttribute("height", this.height);
    this.refresh();
  }

  /** Draws it again, with other ranges if some are given. */
  refresh(ranges = {}) {
    Object.assign(this.options, ranges);
    if (!this.width) return;
    const box = {
      x: MARGIN.left, y: MARGIN.top,
      width: this.width - MARGIN.left - MARGIN.right, height: this.height - MARGIN.top - MARGIN.bottom,
    };
    this.inside = shape("g", { "clip-path": `url(#${this.clip})` });
    this.svg.replaceChildren(
      shape("clipPath", { id: this.clip }, shape("rect", box)),
      shape("rect", { ...box, class: "plot-ground" }), this.axes(box), this.inside);
    this.options.draw(this);
  }

  /** Pixels of a value on the x axis. */
  x(value) {
    const [low, high] = this.options.x;
    return MARGIN.left + ((value - low) / (high - low)) * (this.width - MARGIN.left - MARGIN.right);
  }

  /** Pixels of a value on the y axis. */
  y(value) {
    const scale = this.options.logarithmic ? Math.log10 : (number) => number;
    const [low, high] = this.options.y.map(scale);
    const share = (scale(value) - low) / (high - low);
    return this.height - MARGIN.bottom - share * (this.height - MARGIN.top - MARGIN.bottom);
  }

  /** The values at a pixel of the SVG. */
  at(left, top) {
    const [x, y] = [this.options.x, this.options.y];
    const across = (left - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
    const up = (this.height - MARGIN.bottom - top) / (this.height - MARGIN.top - MARGIN.bottom);
    return [x[0] + across * (x[1] - x[0]), y[0] + up * (y[1] - y[0])];
  }

  axes(box) {
    const group = shape("g", { "aria-hidden": "true" });
    const [right, bottom] = [box.x + box.width, box.y + box.height];
    const zero = (value, range) => (value === 0 && range[0] < 0 && range[1] > 0 ? "plot-zero" : "plot-grid");
    for (const value of ticks(this.options.x, Math.max(2, Math.floor(box.width / 90)))) {
      const x = this.x(value);
      group.append(
        shape("line", { x1: x, x2: x, y1: box.y, y2: bottom, class: zero(value, this.options.x) }),
        shape("text", { x, y: bottom + 18, class: "plot-tick", "text-anchor": "middle" }, significant(value)));
    }
    const rows = Math.max(3, Math.floor(box.height / 60));
    const words = this.options.logarithmic ? power : significant;
    for (const value of this.options.logarithmic ? decades(this.options.y) : ticks(this.options.y, rows)) {
      const y = this.y(value);
      group.append(
        shape("line", { x1: box.x, x2: right, y1: y, y2: y, class: zero(value, this.options.y) }),
        shape("text", { x: box.x - 8, y: y + 4, class: "plot-tick", "text-anchor": "end" }, words(value)));
    }
    const middle = box.y + box.height / 2;
    group.append(
      shape("text", { x: box.x + box.width / 2, y: this.height - 6, class: "plot-label", "text-anchor": "middle" },
        this.options.xLabel),
      shape("text", {
        x: 13, y: middle, transform: `rotate(-90 13 ${middle})`, class: "plot-label", "text-anchor": "middle",
      }, this.options.yLabel));
    return group;
  }

  /** Adds a line through points [x, y]; `closed`: an area. */
  line(points, kind, { closed = false } = {}) {
    const steps = points.map(([x, y]) => `${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`);
    if (!steps.length) return;
    this.inside.append(shape("path", { d: `M${steps.join("L")}${closed ? "Z" : ""}`, class: kind }));
  }

  /** Adds the curve of a function over the x axis; it is interrupted where the function jumps. */
  curve(value, kind, jumps = []) {
    const ends = [this.options.x[0], ...jumps, this.options.x[1]];
    const points = Math.ceil(this.width / 2);
    for (const [index, low] of ends.slice(0, -1).entries()) {
      // The function has its left side's value at a jump, so a piece begins just after it.
      const [start, width] = [low + 1e-9, ends[index + 1] - low - 1e-9];
      this.line(Array.from({ length: points + 1 }, (_, point) => {
        const x = start + (width * point) / points;
        return [x, value(x)];
      }), kind);
    }
  }

  /** Adds a dot at a point [x, y]. */
  dot([x, y], kind, radius = 5) {
    this.inside.append(shape("circle", { cx: this.x(x), cy: this.y(y), r: radius, class: kind }));
  }
}
