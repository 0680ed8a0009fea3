/** Sliders, choices, buttons and sentences of the idea pages. */

let ids = 0;
const nextId = () => `ideas-control-${ids += 1}`;

/** An HTML element with attributes and children; attributes that are null are left out. */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * A slider with its label and its value.
 * @param {{label: string, min: number, max: number, step?: number, value: number, logarithmic?: boolean,
 *   format: (value: number) => string, onInput: (value: number) => void}} options `logarithmic`: equal ways are equal
 *   factors, in 200 steps
 * @returns {{element: HTMLElement, set: (value: number) => void}} `set` moves it without a call of `onInput`
 */
export function slider({ label, min, max, step = 1, value, logarithmic = false, format, onInput }) {
  const id = nextId();
  const way = logarithmic ? Math.log(max / min) : 1;
  const toPlace = (number) => (logarithmic ? Math.round((200 * Math.log(number / min)) / way) : number);
  const toValue = (place) => (logarithmic ? Number((min * Math.exp((way * place) / 200)).toPrecision(3)) : place);
  const input = html("input", {
    type: "range", id, min: logarithmic ? 0 : min, max: logarithmic ? 200 : max, step: logarithmic ? 1 : step,
  });
  const output = html("output", { for: id, class: "number" });
  const show = (number) => {
    output.textContent = format(number);
    input.setAttribute("aria-valuetext", format(number));
  };
  const set = (number) => {
    input.value = toPlace(number);
    show(number);
  };
  input.addEventListener("input", () => {
    const number = toValue(Number(input.value));
    show(number);
    onInput(number);
  });
  set(value);
  return { element: html("div", { class: "slider" }, html("label", { for: id }, label), output, input), set };
}

/**
 * One of several values, as radio buttons in a row.
 * @param {{label: string, options: [string, string][], value: string, onChange: (value: string) => void}} options
 *   each option is its value and its words
 * @returns {{element: HTMLElement, set: (value: string) => void}} `set` chooses without a call of `onChange`
 */
export function choice({ label, options, value, onChange }) {
  const name = nextId();
  const inputs = options.map(([option]) => html("input", { type: "radio", name, value: option, id: nextId() }));
  const set = (chosen) => inputs.forEach((input) => { input.checked = input.value === chosen; });
  inputs.forEach((input) => input.addEventListener("change", () => onChange(input.value)));
  const parts = options.map(([, words], index) =>
    html("span", { class: "choice-part" }, inputs[index], html("label", { for: inputs[index].id }, words)));
  set(value);
  return { element: html("fieldset", { class: "choice" }, html("legend", {}, label), html("div", { class: "row" }, ...parts)), set };
}

/** A button. */
export function button(words, onClick, kind = "") {
  const element = html("button", { type: "button", class: `button ${kind}`.trim() }, words);
  element.addEventListener("click", onClick);
  return element;
}

/** A text field with its label; `onInput` gets its text. */
export function field({ label, value, onInput }) {
  const id = nextId();
  const input = html("input", { type: "text", id, autocomplete: "off", spellcheck: "false", maxlength: "200" });
  input.value = value;
  input.addEventListener("input", () => onInput(input.value));
  return {
    element: html("div", { class: "field" }, html("label", { for: id }, label), input),
    set: (words) => { input.value = words; },
  };
}

/** A named value that changes with each drawing; screen readers get `sentence` instead. */
export function readout(label) {
  const value = html("dd", { class: "number" });
  return { element: html("div", {}, html("dt", {}, label), value), set: (words) => { value.textContent = words; } };
}

/** Readouts in a row. */
export const readouts = (...parts) => html("dl", { class: "readouts" }, ...parts.map(({ element }) => element));

const QUIET_MS = 400;

/** What the drawing shows, as a sentence. Screen readers wait until it has not changed for 0.4 seconds. */
export function sentence() {
  const element = html("p", { class: "sentence", "aria-live": "polite" });
  let timer = null;
  return {
    element,
    set(words) {
      clearTimeout(timer);
      element.setAttribute("aria-busy", "true");
      element.textContent = words;
      timer = setTimeout(() => element.removeAttribute("aria-busy"), QUIET_MS);
    },
  };
}

/**
 * Shows the buttons of the list "What to try" and connects them.
 * @param {Record<string, () => void | HTMLElement>} attempts by the `data-try` of the buttons; each may return the part
 *   of the page to look at
 */
export function connectAttempts(attempts) {
  for (const element of document.querySelectorAll("button[data-try]")) {
    element.hidden = false;
    element.addEventListener("click", () => {
      const part = attempts[element.dataset.try]() ?? document.getElementById("toy");
      part.scrollIntoView({ block: "start" });
    });
  }
}
