// The README's tour by openapi-fetch, over the types that openapi-typescript made: `URL NAME` are the arguments.
import createClient from "openapi-fetch";
import type { components, paths } from "./client/schema";

type Job = components["schemas"]["TrainingJob"];
declare const process: { argv: string[] };

const [, , baseUrl, name] = process.argv;
const client = createClient<paths>({ baseUrl });
const wait = { header: { Prefer: "wait=30" } };

/** The data of an answer. Throws the problem where there is one. */
function expect<Data>(answer: { data?: Data; error?: unknown }): Data {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

async function train(): Promise<Job> {
  let job: Job = expect(
    await client.POST("/v1/training-jobs", {
      params: wait,
      body: { model: name, dataset: name, epochs: 500, seed: 7 },
    }),
  );
  while (job.status === "queued" || job.status === "running") {
    const path = { job_id: job.id };
    job = expect(await client.GET("/v1/training-jobs/{job_id}", { params: { path, ...wait } }));
  }
  if (job.status !== "succeeded") throw new Error(`${job.status}: ${job.error?.detail}`);
  return job;
}

async function main(): Promise<void> {
  expect(
    await client.POST("/v1/datasets", {
      params: wait,
      body: { name, source: "inline", inputs: [[-1], [0], [1], [2], [3], [4]], targets: [-3, -1, 1, 3, 5, 7] },
    }),
  );
  expect(
    await client.POST("/v1/models", {
      params: wait,
      body: {
        name,
        task: "regression",
        input: { shape: [1] },
        layers: [{ type: "Dense", units: 1 }],
        optimizer: "sgd",
        loss: "mean_squared_error",
      },
    }),
  );
  const job = await train();
  const metrics = expect(
    await client.GET("/v1/training-jobs/{job_id}/metrics", {
      params: { path: { job_id: job.id }, query: { points: 10 } },
    }),
  );
  const weights = expect(
    await client.GET("/v1/models/{name}/versions/{version}/weights", {
      params: { path: { name, version: 1 } },
      headers: { Accept: "application/json" },
    }),
  );
  const answer = expect(
    await client.POST("/v1/models/{name}/predictions", { params: { path: { name } }, body: { instances: [[10]] } }),
  );
  console.log(JSON.stringify({ metrics, weights, answer }));
}

main();
