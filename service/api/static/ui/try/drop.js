/** Files that are dropped on a field. */

/**
 * @param {HTMLElement} area
 * @param {(file: File) => void} onFile
 */
export function acceptDrops(area, onFile) {
  for (const [type, isOver] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    area.addEventListener(type, (event) => {
      event.preventDefault();
      area.classList.toggle("over", isOver);
    });
  }
  area.addEventListener("drop", (event) => event.dataTransfer.files[0] && onFile(event.dataTransfer.files[0]));
}
