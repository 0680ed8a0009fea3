VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCK := requirements/dev.lock
PIN := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate
COMPILE := $(PIN) pyproject.toml
CLIENTS := requirements/clients
EXAMPLES := 200
ON_CLUSTER := tests/journeys/test_survival.py tests/journeys/test_pausing.py

# Where compiled modules aren't kept, each of the hundreds of processes that the tests start compiles what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install serve test images fuzz fuzz-export fuzz-pictures faults lint format types openapi openapi-check catalogue client docs-images lock bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## create .venv with the pinned dependencies

serve: install ## run the api and the worker; docs/configuration.md lists the settings
	@exec $(BIN)/fitserve serve

test: install ## run the tests; those of ON_CLUSTER also on PostgreSQL, S3 and Redis
	@command -v curl >/dev/null || echo "curl is not installed: tests of the pages whose commands use it will be skipped."
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder
	FITSERVE_TEST_CLUSTER=1 $(BIN)/pytest -n 2 --dist loadfile $(ON_CLUSTER)

fuzz: SECONDS := 0
fuzz: install ## test the service with EXAMPLES=200 generated requests per operation and fuzzer; SECONDS=0 more per fuzzer
	FITSERVE_TEST_FUZZ_EXAMPLES=$(EXAMPLES) FITSERVE_TEST_FUZZ_SECONDS=$(SECONDS) $(BIN)/pytest -n 0 tests/fuzzing

fuzz-pictures: EXAMPLES := 50
fuzz-pictures: install ## draw EXAMPLES=50 generated documents of each kind of picture
	FITSERVE_TEST_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n 0 tests/models/drawing/test_odd_documents.py

fuzz-export: LAYERS := 2000
fuzz-export: install ## compare LAYERS=2000 generated layers, exported to ONNX, with Keras
	FITSERVE_FUZZ_EXAMPLES=$(LAYERS) $(BIN)/pytest -n 0 tests/models/test_export_fuzz.py

images: TAG := latest
images: install ## build the images with Buildah, and run the tour and MNIST on them
	TAG=$(TAG) deploy/images/build $(OPTIONS)
	FITSERVE_TEST_IMAGES=$(TAG) $(BIN)/pytest -n 0 tests/images

faults: SECONDS := 20
faults: install ## disturb services with each fault for SECONDS=20, and check that nothing is lost
	$(BIN)/python -m benchmarks.survival faults --seconds $(SECONDS)

lint: install ## check style, formatting and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

format: install ## format the code and fix lint errors automatically
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: install ## check types
	$(BIN)/mypy

openapi: install ## generate openapi.yaml from the code
	$(BIN)/python -m service.api.contract.openapi

openapi-check: install ## check openapi.yaml against the rules of OpenAPI, OWASP, Zalando and Redocly
	@requirements/openapi/check $(VENV)

catalogue: install ## generate the catalogue from Keras's signatures
	$(BIN)/python -m models.catalogue.generate

client: install ## build the package fitserve-client into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist ./fitserve_client
	rm -rf fitserve_client/build fitserve_client/*.egg-info

bench: install ## measure the reference jobs that the README reports
	$(BIN)/python -m benchmarks.reference_jobs

lock: install ## pin the dependencies of pyproject.toml; UPGRADE=1 takes the newest versions
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra worker --extra postgres --extra redis --extra s3 --extra celery --extra otel --group dev -o requirements/dev.lock
	$(COMPILE) --extra worker --extra postgres --extra redis --extra s3 --extra celery --extra otel -c requirements/dev.lock -o requirements/worker.lock
	$(COMPILE) --extra postgres --extra redis --extra s3 --extra celery --extra otel -c requirements/dev.lock -o requirements/api.lock
	for name in generators kserve open-inference triton; do \
	    $(PIN) $(if $(UPGRADE),--upgrade) --python-version 3.11 $(CLIENTS)/$$name.in -o $(CLIENTS)/$$name.lock || exit; \
	done
	$(PIN) $(if $(UPGRADE),--upgrade) --no-deps $(CLIENTS)/tensorflow-serving.in -o $(CLIENTS)/tensorflow-serving.lock

clean: ## remove .venv and all generated files; keep var/
	rm -rf $(VENV) requirements/*/node_modules build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): $(LOCK) pyproject.toml requirements/make-venv requirements/install-locked
	@requirements/make-venv $(VENV)
	@echo "Installing the pinned dependencies into $(VENV); this takes a minute."
	requirements/install-locked $(VENV) $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
