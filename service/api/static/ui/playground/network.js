/**
 * The forward pass of a dense network on many points, as the service computes it: sums in double precision, and each
 * neuron's output rounded to float32.
 */

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** Keras's activation functions, with Keras's default parameters. `softmax` needs all neurons of its layer. */
export const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  leaky_relu: (x) => (x > 0 ? x : 0.2 * x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  selu: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  sigmoid,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  softsign: (x) => x / (1 + Math.abs(x)),
  linear: (x) => x,
};

/**
 * The error function: its Taylor series for small numbers, and the continued fraction of erfc for others (Abramowitz
 * and Stegun, 7.1.6 and 7.1.14).
 */
function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size > 2.5) {
    let fraction = 0;
    for (let term = 60; term > 0; term--) fraction = term / 2 / (size + fraction);
    return Math.sign(x) * (1 - Math.exp(-size * size) / (Math.sqrt(Math.PI) * (size + fraction)));
  }
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/**
 * The layers of a network from the answer of `GET …/weights`, whose list has a kernel and a bias per layer.
 * @param {{name: string, shape: number[], values: any[]}[]} weights
 * @param {string[]} activations one per layer
 * @returns {{inputs: number, units: number, kernel: Float32Array, bias: Float32Array, activation: string}[]}
 */
export function readLayers(weights, activations) {
  return activations.map((activation, index) => {
    const [kernel, bias] = weights.slice(2 * index, 2 * index + 2);
    const numbers = Float32Array.from(kernel.values.flat(), (value) => value ?? NaN);
    const [inputs, units] = kernel.shape;
    return { inputs, units, kernel: numbers, bias: Float32Array.from(bias.values, (value) => value ?? NaN), activation };
  });
}

/**
 * The outputs of all neurons.
 * @param layers as of `readLayers`
 * @param {Float32Array[]} columns the inputs, one array per input with a number per point
 * @returns {Float32Array[][]} by layer and neuron, a number per point
 */
export function forward(layers, columns) {
  const found = [];
  let previous = columns;
  for (const layer of layers) {
    previous = layer.activation === "softmax" ? softmax(weigh(layer, previous)) : activate(layer, previous);
    found.push(previous);
  }
  return found;
}

function activate(layer, columns) {
  const activation = ACTIVATIONS[layer.activation];
  const sums = weigh(layer, columns);
  for (const sum of sums) {
    for (let point = 0; point < sum.length; point++) sum[point] = activation(sum[point]);
  }
  return sums;
}

/** The weighted sum of each neuron of a layer, with its bias. */
function weigh({ units, kernel, bias }, columns) {
  const count = columns[0].length;
  return Array.from({ length: units }, (_, unit) => {
    const sum = new Float64Array(count).fill(bias[unit]);
    columns.forEach((column, input) => {
      const weight = kernel[input * units + unit];
      for (let point = 0; point < count; point++) sum[point] += weight * column[point];
    });
    return Float32Array.from(sum);
  });
}

function softmax(sums) {
  for (let point = 0; point < sums[0].length; point++) {
    let largest = -Infinity;
    let total = 0;
    for (const sum of sums) largest = Math.max(largest, sum[point]);
    for (const sum of sums) total += Math.exp(sum[point] - largest);
    for (const sum of sums) sum[point] = Math.exp(sum[point] - largest) / total;
  }
  return sums;
}

/**
 * Raw numbers as the network takes them.
 * @param {Float32Array} column
 * @param {{mean: number, std: number}|null} scale null: as they are
 */
export const scaled = (column, scale) => (scale ? column.map((value) => (value - scale.mean) / scale.std) : column);

/** The network's outputs in the target's own units. */
export const unscaled = (column, scale) => (scale ? column.map((value) => value * scale.std + scale.mean) : column);

/**
 * The mean and the population standard deviation of numbers, as the service scales with; 1 where all are equal.
 * @param {number[]} numbers
 */
export function fitScale(numbers) {
  const mean = numbers.reduce((one, other) => one + other, 0) / numbers.length;
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  const std = Math.sqrt(variance);
  return { mean, std: std > 1e-12 * Math.abs(mean) ? std : 1 };
}
