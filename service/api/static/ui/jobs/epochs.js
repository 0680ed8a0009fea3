/** The epochs of a training as columns, thinned so that drawing them stays fast. */

const OTHERS = new Set(["epoch", "learning_rate"]);
const VALIDATION = "val_";
const MOST_RATE_MARKS = 12;
const DIGITS = 6; // as the service rounds the columns, so that an equal learning rate stays equal

export class Epochs {
  /**
   * @param {Record<string, (number | null)[]>} columns - The values by name; `epoch` is one of them.
   * @param {number} most - How many epochs are kept at least; from twice as many on, every second one is left out.
   */
  constructor(columns, most) {
    this.columns = columns;
    this.most = most;
  }

  get numbers() {
    return this.columns.epoch;
  }

  get count() {
    return this.numbers.length;
  }

  /** The number of the last epoch; 0 if there is none. */
  get last() {
    return this.count ? this.numbers[this.count - 1] : 0;
  }

  /** Add an epoch that ended; one that is known already is ignored. */
  add(epoch) {
    if (epoch.epoch <= this.last) return false;
    for (const name of Object.keys(epoch)) {
      if (name !== "seconds") this.columns[name] ??= Array(this.count).fill(null);
    }
    for (const [name, column] of Object.entries(this.columns)) {
      if (name !== "epoch") column.push(round(epoch[name]));
    }
    this.columns.epoch.push(epoch.epoch);
    if (this.count > 2 * this.most) this.#halve();
    return true;
  }

  #halve() {
    const end = this.count - 1;
    for (const name of Object.keys(this.columns)) {
      this.columns[name] = this.columns[name].filter((_, index) => (end - index) % 2 === 0);
    }
  }

  /** The metrics without the prefix of the validation rows, the loss first. */
  get metrics() {
    const names = Object.keys(this.columns).filter((name) => !OTHERS.has(name));
    const plain = names.map((name) => (name.startsWith(VALIDATION) ? name.slice(VALIDATION.length) : name));
    return [...new Set(plain)].sort((a, b) => (b === "loss") - (a === "loss"));
  }

  /** The columns of a metric: of the training and of the validation rows, as far as there are any. */
  of(metric) {
    return [metric, VALIDATION + metric].filter((name) => name in this.columns);
  }

  /** The values at an index, by name, without the number of the epoch. */
  at(index) {
    const names = Object.keys(this.columns).filter((name) => !OTHERS.has(name));
    return names.map((name) => [name, this.columns[name][index]]);
  }

  /** Whether the learning rate changes. */
  get variesRate() {
    const rates = this.columns.learning_rate ?? [];
    return rates.some((rate) => rate !== null && rate !== rates[0]);
  }

  /** The epochs from which on there is another learning rate; none if there are too many to mark them. */
  get rateChanges() {
    const rates = this.columns.learning_rate ?? [];
    const changes = this.numbers.filter((_, index) => index && rates[index] !== null && rates[index] !== rates[index - 1]);
    return changes.length > MOST_RATE_MARKS ? [] : changes;
  }
}

function round(value) {
  return value === null || value === undefined ? null : Number(value.toPrecision(DIGITS));
}
