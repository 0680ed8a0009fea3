/** Movement in steps, started and stopped by a button. Who asked for less motion gets the end at once. */

import { button } from "./controls.js";
import { text } from "../texts.js";

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Motion {
  /**
   * @param {{milliseconds: number, step: () => boolean, begin?: () => void, settled?: () => void}} options `step` makes
   *   one step and says whether another one follows; `milliseconds`: the time of a step; `begin` is called before the
   *   first step, `settled` when it has stopped
   */
  constructor({ milliseconds, step, begin = () => {}, settled = () => {} }) {
    Object.assign(this, { milliseconds, step, begin, settled, frame: null });
    this.button = button(text("ideas_play"), () => (this.frame === null ? this.start() : this.stop()), "primary");
  }

  start() {
    if (this.frame !== null) return;
    this.begin();
    if (calm.matches) {
      while (this.step());
      this.settled();
      return;
    }
    this.button.textContent = text("ideas_pause");
    let due = performance.now();
    const tick = (now) => {
      for (; due <= now; due += this.milliseconds) {
        if (!this.step()) {
          this.stop();
          return;
        }
        if (now - due > 1000) due = now;
      }
      this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  stop() {
    if (this.frame === null) return;
    cancelAnimationFrame(this.frame);
    this.frame = null;
    this.button.textContent = text("ideas_play");
    this.settled();
  }
}
