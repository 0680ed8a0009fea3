/**
 * What the page shows and trains, as one flat object, and its form in the fragment of the URL. Every value is checked
 * by the same reader, whether it comes from a field or from a URL.
 */

export const VERSION = 1;
export const MOST_POINTS = 2000;
export const MOST_LAYERS = 6;
export const MOST_UNITS = 8;
export const MOST_CLASSES = 6;

/** What is learned from a source's rows; null: as the state's `task` says. */
export const SOURCES = {
  circles: "classes",
  moons: "classes",
  spirals: "classes",
  xor: "classes",
  blobs: "classes",
  line: "curve",
  sine: "curve",
  points: null,
  own: null,
};
export const TASKS = ["classes", "curve", "surface"];
/** The losses of each task; the first is the default. */
export const LOSSES = {
  binary: ["binary_crossentropy", "mean_squared_error", "mean_absolute_error"],
  multiclass: ["categorical_crossentropy", "mean_squared_error", "mean_absolute_error"],
  regression: ["mean_squared_error", "mean_absolute_error", "huber", "log_cosh"],
};
export const OPTIMIZERS = ["SGD", "Momentum", "Adam", "RMSprop", "Adagrad"];
export const HIDDEN = [
  "relu", "tanh", "sigmoid", "linear", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign",
];

/** A value that can't be used. `reason` is a key of the page's texts, `values` are for its placeholders. */
export class Invalid extends Error {
  constructor(reason, values = {}) {
    super(reason);
    Object.assign(this, { reason, values });
  }
}

const number = (least, most) => (raw) => {
  const value = String(raw).trim() === "" ? NaN : Number(raw);
  if (!(value >= least && value <= most)) throw new Invalid("number", { least, most });
  return value;
};

const whole = (least, most) => (raw) => {
  const value = number(least, most)(raw);
  if (!Number.isInteger(value)) throw new Invalid("whole", { least, most });
  return value;
};

const oneOf = (...allowed) => (raw) => {
  if (!allowed.includes(raw)) throw new Invalid("choice", { allowed: allowed.join(", ") });
  return raw;
};

const matching = (pattern, reason) => (raw) => {
  if (!pattern.test(raw)) throw new Invalid(reason);
  return raw;
};

const flag = (raw) => {
  if (typeof raw === "boolean") return raw;
  return oneOf("1", "0")(raw) === "1";
};

const readLayers = (raw) => {
  if (raw === "") return [];
  const layers = raw.split("-").map((part) => {
    const [, activation, units] = /^([a-z_]+)([1-9])$/.exec(part) ?? [];
    if (!HIDDEN.includes(activation) || units > MOST_UNITS) throw new Invalid("layers", { part });
    return { activation, units: Number(units) };
  });
  if (layers.length > MOST_LAYERS) throw new Invalid("many_layers", { most: MOST_LAYERS });
  return layers;
};

const writeLayers = (layers) => layers.map(({ activation, units }) => `${activation}${units}`).join("-");

const readPoints = (raw) => {
  const points = raw === "" ? [] : raw.split(";").map((point) => point.split(",").map(number(-1e9, 1e9)));
  if (points.length > MOST_POINTS) throw new Invalid("many_points", { most: MOST_POINTS });
  if (points.some((point) => ![2, 3].includes(point.length))) throw new Invalid("points");
  return points;
};

const writePoints = (points) => points.map((point) => point.map((value) => Number(value.toPrecision(5))).join(",")).join(";");

const readIndices = (raw) => (raw === "" ? [] : raw.split(",").map(whole(0, MOST_POINTS)));

/** By name of the state: the URL's parameter, the default, how it is read, and how it is written. */
const FIELDS = {
  source: ["data", "circles", oneOf(...Object.keys(SOURCES))],
  task: ["task", "classes", oneOf(...TASKS)],
  samples: ["n", 300, whole(2, MOST_POINTS)],
  noise: ["noise", 0.05, number(0, 10)],
  classes: ["classes", 2, whole(2, MOST_CLASSES)],
  dataSeed: ["draw", 7, whole(0, 9999)],
  validation: ["validation", 0.2, number(0, 0.9)],
  scaling: ["scaling", false, flag, (value) => (value ? "1" : "0")],
  dataset: ["from", "", matching(/^([A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/, "name")],
  across: ["x", "", String],
  up: ["y", "", String],
  target: ["target", "", String],
  added: ["add", [], readPoints, writePoints],
  removed: ["remove", [], readIndices, (value) => value.join(",")],
  layers: ["net", [], readLayers, writeLayers],
  loss: ["loss", "", oneOf(...new Set(Object.values(LOSSES).flat()))],
  optimizer: ["optimizer", "Adam", oneOf(...OPTIMIZERS)],
  rate: ["rate", 0.01, number(0, 10)],
  batch: ["batch", 32, whole(1, MOST_POINTS)],
  epochs: ["epochs", 50, whole(1, 5000)],
  seed: ["seed", 7, whole(0, 9999)],
  projected: ["projected", false, flag, (value) => (value ? "1" : "0")],
  job: ["job", "", matching(/^(tj_[0-9a-f]{1,64})?$/, "job")],
  epoch: ["at", 0, whole(0, 1_000_000)],
};

const DEFAULTS = Object.fromEntries(Object.entries(FIELDS).map(([name, [, value]]) => [name, value]));

const relu = (...units) => units.map((count) => ({ activation: "relu", units: count }));
const tanh = (...units) => units.map((count) => ({ activation: "tanh", units: count }));

/** What a preset sets; the rest is as DEFAULTS. */
export const PRESETS = {
  rings: { source: "circles", samples: 1000, layers: relu(4, 6, 6, 4), optimizer: "Adam", epochs: 50 },
  line: {
    source: "line", samples: 6, noise: 0, validation: 0, optimizer: "SGD", rate: 0.01, epochs: 500, batch: 32,
  },
  xor: { source: "xor", samples: 300, noise: 0.3, layers: tanh(4), rate: 0.03, epochs: 60 },
  moons: { source: "moons", samples: 300, noise: 0.15, layers: tanh(6, 4), rate: 0.03, epochs: 80 },
  spirals: { source: "spirals", samples: 400, noise: 0.03, layers: tanh(8, 8), rate: 0.02, epochs: 250, batch: 16 },
  blobs: { source: "blobs", samples: 300, noise: 2, classes: 4, scaling: true, layers: relu(6), rate: 0.02, epochs: 60 },
  wave: { source: "sine", samples: 80, noise: 0.1, layers: tanh(8, 8), rate: 0.02, epochs: 400, batch: 16 },
};

/** @returns the state of a preset */
export const preset = (name) => complete({ ...DEFAULTS, ...PRESETS[name] });

/** What is learned: `classes`, `curve` (a number by one input) or `surface` (a number by two). */
export const taskOf = (state) => SOURCES[state.source] ?? state.task;

/** The number of classes of a state; `own` data knows better. */
export const classesOf = (state, found = 0) => {
  if (found) return found;
  if (["spirals", "blobs"].includes(state.source)) return state.classes;
  return Math.max(2, ...state.added.map((point) => (taskOf(state) === "classes" ? point[2] + 1 : 0)));
};

/** The model's task in the API. */
export const modelTask = (state, found = 0) => {
  if (taskOf(state) !== "classes") return "regression";
  return classesOf(state, found) > 2 ? "multiclass" : "binary";
};

/** The state with a loss that its task has. */
export function complete(state, found = 0) {
  const losses = LOSSES[modelTask(state, found)];
  return losses.includes(state.loss) ? state : { ...state, loss: losses[0] };
}

/** @throws {Invalid} if a point hasn't the numbers that a task needs */
export function checkPoint(point, task) {
  if (point.length !== (task === "curve" ? 2 : 3)) throw new Invalid("points");
  const isClass = Number.isInteger(point[2]) && point[2] >= 0 && point[2] < MOST_CLASSES;
  if (task === "classes" && !isClass) throw new Invalid("point_class", { most: MOST_CLASSES - 1 });
}

/**
 * Read a value that a person entered.
 * @throws {Invalid}
 */
export const readField = (name, raw) => FIELDS[name][2](raw);

/** The state as the fragment of a URL, without what is as the defaults. */
export function write(state) {
  const parameters = new URLSearchParams({ v: VERSION });
  for (const [name, [key, initial, , form = String]] of Object.entries(FIELDS)) {
    if (form(state[name]) !== form(initial)) parameters.set(key, form(state[name]));
  }
  return parameters.toString().replaceAll("%2C", ",").replaceAll("%3B", ";");
}

/**
 * Read the fragment of a URL.
 * @returns {{state: object|null, faults: {key: string, value: string, reason: string, values: object}[]}} the state
 * (null: the fragment has none, or is of another version), and what couldn't be used, in place of which defaults stand
 */
export function read(fragment) {
  if (!fragment.includes("=")) return { state: null, faults: [] };
  const parameters = new URLSearchParams(fragment);
  const version = parameters.get("v") ?? "";
  if (version !== String(VERSION)) {
    return { state: null, faults: [{ key: "v", value: version, reason: "version", values: { version: VERSION } }] };
  }
  const state = { ...DEFAULTS };
  const faults = [];
  const names = new Map(Object.entries(FIELDS).map(([name, [key]]) => [key, name]));
  for (const [key, value] of parameters) {
    if (key === "v") continue;
    try {
      if (!names.has(key)) throw new Invalid("unknown");
      state[names.get(key)] = readField(names.get(key), value);
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      faults.push({ key, value, reason: error.reason, values: error.values });
    }
  }
  try {
    state.added.forEach((point) => checkPoint(point, taskOf(state)));
  } catch (error) {
    faults.push({ key: "add", value: writePoints(state.added), reason: error.reason, values: error.values });
    state.added = [];
  }
  return { state: complete(state), faults };
}
