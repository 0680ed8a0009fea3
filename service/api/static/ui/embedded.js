/**
 * The data that the server wrote into the page.
 * @param {string} id - The id of the element.
 * @returns {any} Its content, parsed.
 */
export function embedded(id) {
  return JSON.parse(document.getElementById(id).textContent);
}
