// The README's tour by the client that OpenAPI Generator's typescript-fetch made: `URL NAME` are the arguments.
import {
  Configuration,
  DatasetsApi,
  ModelsApi,
  PredictionsApi,
  type TrainingJob,
  TrainingJobsApi,
  VersionsApi,
} from "./client";

declare const process: { argv: string[] };

const [, , basePath, name] = process.argv;
const configuration = new Configuration({ basePath });
const trainings = new TrainingJobsApi(configuration);
const prefer = "wait=30";

async function train(): Promise<TrainingJob> {
  let job = await trainings.createTrainingJob({
    prefer,
    createTrainingJob: { model: name, dataset: name, epochs: 500, seed: 7 },
  });
  while (job.status === "queued" || job.status === "running") {
    job = await trainings.getTrainingJob({ jobId: job.id, prefer });
  }
  if (job.status !== "succeeded") throw new Error(`${job.status}: ${job.error?.detail}`);
  return job;
}

async function main(): Promise<void> {
  await new DatasetsApi(configuration).createDataset({
    prefer,
    createDataset: {
      name,
      source: "inline",
      inputs: [[-1], [0], [1], [2], [3], [4]],
      targets: [-3, -1, 1, 3, 5, 7],
    },
  });
  await new ModelsApi(configuration).createModel({
    prefer,
    createModel: {
      name,
      task: "regression",
      input: { shape: [1] },
      layers: [{ type: "Dense", units: 1 }],
      optimizer: "sgd",
      loss: "mean_squared_error",
    },
  });
  const job = await train();
  const metrics = await trainings.getMetrics({ jobId: job.id, points: 10 });
  // Of an answer with several media types this generator's clients give the bytes.
  const file = await new VersionsApi(configuration).getWeights(
    { name, version: 1 },
    async ({ init }) => ({ ...init, headers: { ...init.headers, Accept: "application/json" } }),
  );
  const weights = JSON.parse(await file.text());
  const answer = await new PredictionsApi(configuration).predict({
    name,
    predictionRequest: { instances: [[10]] },
  });
  console.log(JSON.stringify({ metrics, weights, answer }));
}

main();
