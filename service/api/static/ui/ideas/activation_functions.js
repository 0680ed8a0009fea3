/** Activation functions and their derivatives, by the name that Keras gives them, with Keras's default parameters. */

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** The error function by its series of positive terms (Abramowitz and Stegun 7.1.6), exact to rounding. */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17; n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const normalShare = (x) => (1 + erf(x / Math.SQRT2)) / 2;
const normalDensity = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const SELU = { alpha: 1.6732632423543772, scale: 1.0507009873554805 };

/** name → {value, derivative, corners?}; at a corner, the derivative is that of the left side. */
export const FUNCTIONS = {
  relu: { value: (x) => Math.max(x, 0), derivative: (x) => (x > 0 ? 1 : 0), corners: [0] },
  sigmoid: { value: sigmoid, derivative: (x) => sigmoid(x) * (1 - sigmoid(x)) },
  tanh: { value: Math.tanh, derivative: (x) => 1 - Math.tanh(x) ** 2 },
  leaky_relu: { value: (x) => (x > 0 ? x : 0.2 * x), derivative: (x) => (x > 0 ? 1 : 0.2), corners: [0] },
  elu: { value: (x) => (x > 0 ? x : Math.expm1(x)), derivative: (x) => (x > 0 ? 1 : Math.exp(x)) },
  selu: {
    value: (x) => SELU.scale * (x > 0 ? x : SELU.alpha * Math.expm1(x)),
    derivative: (x) => SELU.scale * (x > 0 ? 1 : SELU.alpha * Math.exp(x)),
    corners: [0],
  },
  gelu: { value: (x) => x * normalShare(x), derivative: (x) => normalShare(x) + x * normalDensity(x) },
  silu: { value: (x) => x * sigmoid(x), derivative: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))) },
  softplus: { value: softplus, derivative: sigmoid },
  softsign: { value: (x) => x / (1 + Math.abs(x)), derivative: (x) => 1 / (1 + Math.abs(x)) ** 2 },
  hard_sigmoid: {
    value: (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1),
    derivative: (x) => (x > -3 && x <= 3 ? 1 / 6 : 0),
    corners: [-3, 3],
  },
  linear: { value: (x) => x, derivative: () => 1 },
};

/** softmax of some logits: probabilities that sum to 1. */
export function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
