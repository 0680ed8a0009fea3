/** One neuron with two inputs and a sigmoid: a line that separates two classes. */

const blob = (x, y, label) =>
  [[0, 0], [0.1, 0.06], [-0.08, 0.1], [0.04, -0.11], [-0.11, -0.04], [0.13, -0.05], [-0.03, 0.15]].map(([dx, dy]) => ({
    x: x + dx, y: y + dy, label,
  }));

const gate = (labels) => [[0, 0], [0, 1], [1, 0], [1, 1]].map(([x, y], index) => ({ x, y, label: labels[index] }));

/** Points by the name of the set: x, y and the class, 0 or 1. */
export const SETS = {
  and: gate([0, 0, 0, 1]),
  or: gate([0, 1, 1, 1]),
  xor: gate([0, 1, 1, 0]),
  blobs: [...blob(0.2, 0.3, 0), ...blob(0.85, 0.75, 1)],
};

/** 1 / (1 + e⁻ᶻ), without an overflow for large |z|. */
export const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** What the neuron says for a point: the probability of class 1. */
export const probability = ({ w1, w2, b }, { x, y }) => sigmoid(w1 * x + w2 * y + b);

/** log(1 + eᶻ) without an overflow. */
const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

/** The mean binary cross-entropy, in nats. */
export function crossEntropy(weights, points) {
  const losses = points.map(({ x, y, label }) => {
    const z = weights.w1 * x + weights.w2 * y + weights.b;
    return softplus(z) - label * z;
  });
  return losses.reduce((sum, value) => sum + value, 0) / points.length;
}

/** How many points are on their side of the line; the line itself (probability 0.5) belongs to class 0. */
export const correct = (weights, points) =>
  points.filter((point) => (probability(weights, point) > 0.5 ? 1 : 0) === point.label).length;

/** The weights after one step of gradient descent over all points. */
export function descend(weights, points, rate) {
  const slope = { w1: 0, w2: 0, b: 0 };
  for (const point of points) {
    const error = (probability(weights, point) - point.label) / points.length;
    slope.w1 += error * point.x;
    slope.w2 += error * point.y;
    slope.b += error;
  }
  return { w1: weights.w1 - rate * slope.w1, w2: weights.w2 - rate * slope.w2, b: weights.b - rate * slope.b };
}

/**
 * The part of a box in which the probability of class 1 is at least `level`, as the corners of a polygon.
 * @param {{x: [number, number], y: [number, number]}} box
 */
export function region({ w1, w2, b }, level, box) {
  const height = (corner) => w1 * corner[0] + w2 * corner[1] + b - Math.log(level / (1 - level));
  const corners = [[box.x[0], box.y[0]], [box.x[1], box.y[0]], [box.x[1], box.y[1]], [box.x[0], box.y[1]]];
  return corners.flatMap((corner, index) => {
    const next = corners[(index + 1) % corners.length];
    const [here, there] = [height(corner), height(next)];
    const kept = here >= 0 ? [corner] : [];
    if (here >= 0 === there >= 0) return kept;
    const share = here / (here - there);
    return [...kept, [corner[0] + share * (next[0] - corner[0]), corner[1] + share * (next[1] - corner[1])]];
  });
}

/** The two points at which the line of probability 0.5 crosses the edges of a box; fewer if it misses the box. */
export function separator(weights, box) {
  const isCorner = ([x, y]) => box.x.includes(x) && box.y.includes(y);
  return region(weights, 0.5, box).filter((point) => !isCorner(point));
}
