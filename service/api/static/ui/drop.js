/** Files that are dropped on an element `.drop`. */

/**
 * @param {HTMLElement} area
 * @param {(files: FileList) => void} onFiles - Receives the files, at least one.
 */
export function acceptDrops(area, onFiles) {
  for (const [type, isOver] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    area.addEventListener(type, (event) => {
      event.preventDefault();
      area.toggleAttribute("data-over", isOver);
    });
  }
  area.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length) onFiles(event.dataTransfer.files);
  });
}
