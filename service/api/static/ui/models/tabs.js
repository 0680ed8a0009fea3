/** Turns a list of `<details>` into tabs (the tab pattern of the ARIA Authoring Practices Guide). */

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

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
  bar.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tabs, panels, tabs.indexOf(tab));
  });
  bar.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    choose(tabs, panels, next);
    tabs[next].focus();
  });
  choose(tabs, panels, 0);
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

function choose(tabs, panels, chosen) {
  tabs.forEach((tab, index) => {
    tab.setAttribute("aria-selected", String(index === chosen));
    tab.tabIndex = index === chosen ? 0 : -1;
    panels[index].hidden = index !== chosen;
  });
}
