// The README's tour by the client that @hey-api/openapi-ts made: `URL NAME` are the arguments.
import {
  createDataset,
  createModel,
  createTrainingJob,
  getMetrics,
  getTrainingJob,
  getWeights,
  predict,
  type TrainingJob,
} from "./client";
import { client } from "./client/client.gen";

declare const process: { argv: string[] };

const [, , baseUrl, name] = process.argv;
client.setConfig({ baseUrl, throwOnError: true });
const headers = { Prefer: "wait=30" };
const throwOnError = true;

async function train(): Promise<TrainingJob> {
  const body = { model: name, dataset: name, epochs: 500, seed: 7 };
  let { data: job }: { data: TrainingJob } = await createTrainingJob({ headers, body, throwOnError });
  while (job.status === "queued" || job.status === "running") {
    ({ data: job } = await getTrainingJob({ path: { job_id: job.id }, headers, throwOnError }));
  }
  if (job.status !== "succeeded") throw new Error(`${job.status}: ${job.error?.detail}`);
  return job;
}

async function main(): Promise<void> {
  await createDataset({
    headers,
    body: { name, source: "inline", inputs: [[-1], [0], [1], [2], [3], [4]], targets: [-3, -1, 1, 3, 5, 7] },
    throwOnError,
  });
  await createModel({
    headers,
    body: {
      name,
      task: "regression",
      input: { shape: [1] },
      layers: [{ type: "Dense", units: 1 }],
      optimizer: "sgd",
      loss: "mean_squared_error",
    },
    throwOnError,
  });
  const job = await train();
  const metrics = await getMetrics({ path: { job_id: job.id }, query: { points: 10 }, throwOnError });
  const weights = await getWeights({
    path: { name, version: 1 },
    headers: { Accept: "application/json" },
    throwOnError,
  });
  const answer = await predict({ path: { name }, body: { instances: [[10]] }, throwOnError });
  console.log(JSON.stringify({ metrics: metrics.data, weights: weights.data, answer: answer.data }));
}

main();
