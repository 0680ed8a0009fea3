// The README's tour by the client that OpenAPI Generator made in Go: `URL NAME` are the arguments.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	fitserve "fitserve.example/client"
)

const wait = "wait=30"

// must gives the answer. It ends the program with the problem where there is one.
func must[T any](answer T, response *http.Response, err error) T {
	if err != nil {
		if response != nil {
			problem, _ := io.ReadAll(response.Body)
			log.Fatalf("%v: %s", err, problem)
		}
		log.Fatal(err)
	}
	return answer
}

func train(ctx context.Context, client *fitserve.APIClient, name string) *fitserve.TrainingJob {
	wanted := fitserve.NewCreateTrainingJob(500, name, name)
	wanted.SetSeed(7)
	job := must(client.TrainingJobsAPI.CreateTrainingJob(ctx).CreateTrainingJob(*wanted).Prefer(wait).Execute())
	for job.Status == "queued" || job.Status == "running" {
		job = must(client.TrainingJobsAPI.GetTrainingJob(ctx, job.Id).Prefer(wait).Execute())
	}
	if job.Status != "succeeded" {
		log.Fatal(job.Status)
	}
	return job
}

func main() {
	url, name := os.Args[1], os.Args[2]
	configuration := fitserve.NewConfiguration()
	configuration.Servers = fitserve.ServerConfigurations{{URL: url}}
	client, ctx := fitserve.NewAPIClient(configuration), context.Background()

	dataset := fitserve.NewCreateDataset(name, "inline")
	rows := []any{[]int{-1}, []int{0}, []int{1}, []int{2}, []int{3}, []int{4}}
	dataset.SetInputs(fitserve.CreateDatasetInputs{ArrayOfAny: &rows})
	dataset.SetTargets([]any{-3, -1, 1, 3, 5, 7})
	must(client.DatasetsAPI.CreateDataset(ctx).CreateDataset(*dataset).Prefer(wait).Execute())

	dense := fitserve.NewCreateModelLayersInner("Dense")
	dense.AdditionalProperties = map[string]any{"units": 1}
	optimizer, loss := "sgd", "mean_squared_error"
	model := fitserve.NewCreateModel(
		name,
		"regression",
		[]fitserve.CreateModelLayersInner{*dense},
		fitserve.CreateModelOptimizer{String: &optimizer},
		fitserve.CreateModelLoss{String: &loss},
	)
	model.SetInput(fitserve.Input{Shape: []int32{1}})
	must(client.ModelsAPI.CreateModel(ctx).CreateModel(*model).Prefer(wait).Execute())

	job := train(ctx, client, name)
	ten := []any{10}
	instances := []fitserve.Instance{{ArrayOfAny: &ten}}
	shown, err := json.Marshal(map[string]any{
		"metrics": must(client.TrainingJobsAPI.GetMetrics(ctx, job.Id).Points(10).Execute()),
		"weights": must(client.VersionsAPI.GetWeights(ctx, name, 1).Execute()),
		"answer": must(
			client.PredictionsAPI.Predict(ctx, name).
				PredictionRequest(*fitserve.NewPredictionRequest(instances)).
				Execute(),
		),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(shown))
}
