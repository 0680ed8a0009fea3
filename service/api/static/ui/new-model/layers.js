/** The list of layers: each a card with its parameters, which can be moved and removed. */

import { text } from "../texts.js";
import { parameterField } from "../parameters.js";

/**
 * Show the layers of a document, and change them there.
 * @param {HTMLOListElement} list
 * @param {any[]} layers - The layers of the document.
 * @param {Map<string, any>} types - The catalogue's layer types by name.
 * @param {() => void} onChange
 */
export function showLayers(list, layers, types, onChange) {
  const redraw = () => {
    list.replaceChildren(...layers.map((layer, index) => card(layer, index)));
    onChange();
  };
  const act = (index, action) => {
    const target = { up: index - 1, down: index + 1 }[action];
    const [layer] = layers.splice(index, 1);
    if (target !== undefined) layers.splice(target, 0, layer);
    redraw();
    const place = Math.min(target ?? index, layers.length - 1);
    list.children[place]?.querySelector(`[data-action="${action}"]:not(:disabled), button:not(:disabled)`)?.focus();
  };

  function card(layer, index) {
    const item = document.createElement("li");
    item.className = "card layer stack tight field";
    item.dataset.pointer = `#/layers/${index}`;
    const type = types.get(layer.type);
    item.append(head(layer, index), ...parameters(layer, index, type?.parameters ?? []), wiring(layer, index));
    return item;
  }

  function head(layer, index) {
    const row = Object.assign(document.createElement("div"), { className: "row spread" });
    const title = document.createElement("h2");
    title.textContent = text("layer_title", { number: index + 1, type: layer.type });
    const buttons = Object.assign(document.createElement("div"), { className: "row" });
    for (const [action, sign, disabled] of [["up", "↑", index === 0], ["down", "↓", index === layers.length - 1], ["remove", "×", false]]) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button quiet", disabled });
      button.dataset.action = action;
      button.textContent = sign;
      button.setAttribute("aria-label", text(`action_${action}`, { number: index + 1 }));
      button.addEventListener("click", () => act(index, action));
      buttons.append(button);
    }
    row.append(title, buttons);
    return row;
  }

  function parameters(layer, index, described) {
    const field = (parameter) =>
      parameterField(parameter, layer[parameter.name], `#/layers/${index}/${parameter.name}`, (value) => {
        set(layer, parameter.name, value);
        onChange();
      });
    const isShown = (parameter) => parameter.required || parameter.name in layer || parameter.type === "activation";
    const first = described.filter(isShown);
    const others = described.filter((parameter) => !isShown(parameter));
    const grids = [grid(first.map(field))];
    if (others.length) {
      const more = document.createElement("details");
      more.append(Object.assign(document.createElement("summary"), { textContent: text("more", { count: others.length }) }));
      // Most networks need none of them, and a page with many layers would have thousands of controls.
      more.addEventListener("toggle", () => more.append(grid(others.map(field))), { once: true });
      grids.push(more);
    }
    return grids;
  }

  function wiring(layer, index) {
    const details = document.createElement("details");
    details.open = "inputs" in layer;
    details.append(Object.assign(document.createElement("summary"), { textContent: text("graph") }));
    const name = { name: text("layer_name"), type: "text", required: false, default: "", description: "" };
    const inputs = { name: text("layer_inputs"), type: "text", required: false, default: "", description: text("layer_inputs_hint") };
    details.append(
      grid([
        parameterField(name, layer.name, `#/layers/${index}/name`, (value) => {
          set(layer, "name", value === undefined ? undefined : String(value));
          onChange();
        }),
        parameterField(inputs, layer.inputs?.join(", "), `#/layers/${index}/inputs`, (value) => {
          set(layer, "inputs", value === undefined ? undefined : String(value).split(",").map((part) => part.trim()).filter(Boolean));
          onChange();
        }),
      ]),
    );
    return details;
  }

  redraw();
}

function grid(children) {
  const element = Object.assign(document.createElement("div"), { className: "grid small" });
  element.append(...children);
  return element;
}

/** Set a member of a document, or remove it if the value is undefined. */
export function set(object, name, value) {
  if (value === undefined) delete object[name];
  else object[name] = value;
}
