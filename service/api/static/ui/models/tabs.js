/** Turns a list of `<details>`, which can be read without scripts, into tabs. */

import { connectTabs } from "../tabs.js";

/** @param {HTMLElement} list - An element whose children are `<details>`; its `data-tabs` is the name of the list. */
export function makeTabs(list) {
  const bar = document.createElement("div");
  bar.className = "tabs";
  bar.setAttribute("role", "tablist");
  bar.setAttribute("aria-label", list.dataset.tabs);
  const panels = [...list.querySelectorAll(":scope > details")].map((details, index) => toPanel(details, list, index));
  const tabs = panels.map((panel) => toTab(panel));
  bar.append(...tabs);
  list.prepend(bar);
  const choose = connectTabs(tabs, (chosen) => panels.forEach((panel, index) => { panel.hidden = index !== chosen; }));
  choose(0);
}

function toPanel(details, list, index) {
  const panel = document.createElement("div");
  panel.id = `${list.id || "tabs"}-${index}`;
  panel.setAttribute("role", "tabpanel");
  panel.dataset.name = details.querySelector("summary").textContent;
  panel.append(...[...details.children].filter((child) => child.localName !== "summary"));
  details.replaceWith(panel);
  return panel;
}

function toTab(panel) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.id = `${panel.id}-tab`;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panel.id);
  tab.textContent = panel.dataset.name;
  panel.setAttribute("aria-labelledby", tab.id);
  return tab;
}
