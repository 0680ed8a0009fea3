/** Tabs (the tab pattern of the ARIA Authoring Practices Guide). */

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * Let tabs be chosen by clicks and arrow keys.
 * @param {HTMLElement[]} tabs - Elements with the role `tab`.
 * @param {(index: number) => void} show - Shows what belongs to the chosen tab.
 * @returns {(index: number) => void} A function that chooses a tab.
 */
export function connectTabs(tabs, show) {
  const choose = (chosen) => {
    tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
    });
    show(chosen);
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(index));
    tab.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      const next = (index + step + tabs.length) % tabs.length;
      choose(next);
      tabs[next].focus();
    });
  });
  return choose;
}
