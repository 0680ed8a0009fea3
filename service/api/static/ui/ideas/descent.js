/**
 * Gradient descent on the mean squared error of a line, y = w·x + b, through six points.
 * The loss is quadratic, so its contours, the largest rate that converges and the lowest point are exact.
 */

/** The rows of the reference job `line`: y = 2x − 1. */
export const POINTS = [[-1, -3], [0, -1], [1, 1], [2, 3], [3, 5], [4, 7]];

/** The weights [w, b] at which the loss is 0. */
export const LOWEST = [2, -1];

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The second derivatives of the loss: [[∂²/∂w², ∂²/∂w∂b], [∂²/∂w∂b, ∂²/∂b²]]. */
const HESSIAN = [
  [2 * mean(POINTS.map(([x]) => x * x)), 2 * mean(POINTS.map(([x]) => x))],
  [2 * mean(POINTS.map(([x]) => x)), 2],
];

/** The curvatures along the axes of the valley, the larger first, and the angle of the first axis in radians. */
export const CURVATURE = (() => {
  const [[a, c], [, d]] = HESSIAN;
  const half = Math.hypot((a - d) / 2, c);
  return { largest: (a + d) / 2 + half, smallest: (a + d) / 2 - half, angle: Math.atan2(2 * c, a - d) / 2 };
})();

/** The mean squared error of the line with the weights [w, b]. */
export const loss = ([w, b]) => mean(POINTS.map(([x, y]) => (w * x + b - y) ** 2));

/** The derivatives of the loss by w and by b. */
export const gradient = ([w, b]) => [
  mean(POINTS.map(([x, y]) => 2 * (w * x + b - y) * x)),
  mean(POINTS.map(([x, y]) => 2 * (w * x + b - y))),
];

/**
 * One update as Keras's SGD makes it: velocity ← momentum · velocity − rate · gradient; weights ← weights + velocity.
 * @param {{weights: number[], velocity: number[]}} state
 * @param {{rate: number, momentum: number}} settings
 */
export function update({ weights, velocity }, { rate, momentum }) {
  const slope = gradient(weights);
  const next = velocity.map((speed, axis) => momentum * speed - rate * slope[axis]);
  return { weights: weights.map((weight, axis) => weight + next[axis]), velocity: next };
}

/** The weights after 0, 1, … `steps` updates. */
export function path(start, settings, steps) {
  const states = [{ weights: start, velocity: [0, 0] }];
  while (states.length <= steps) states.push(update(states.at(-1), settings));
  return states.map(({ weights }) => weights);
}

/** The rate from which on the path leaves the valley: 2 (1 + momentum) / the largest curvature (Polyak, 1964). */
export const largestRate = (momentum) => (2 * (1 + momentum)) / CURVATURE.largest;

/** The weights at which the loss is `level`: an ellipse as `count` points. */
export function contour(level, count = 96) {
  const { largest, smallest, angle } = CURVATURE;
  const [across, along] = [Math.sqrt((2 * level) / largest), Math.sqrt((2 * level) / smallest)];
  return Array.from({ length: count }, (_, index) => {
    const turn = (2 * Math.PI * index) / count;
    const [u, v] = [across * Math.cos(turn), along * Math.sin(turn)];
    return [
      LOWEST[0] + u * Math.cos(angle) - v * Math.sin(angle),
      LOWEST[1] + u * Math.sin(angle) + v * Math.cos(angle),
    ];
  });
}
