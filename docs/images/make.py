"""Makes the pictures of the documentation with a real service: `make docs-images`.

It runs the demonstrations, saves the service's pictures as SVG, and photographs each page of the dashboard in Chromium,
in two widths and two themes. MNIST and CIFAR-10 must be in the folder of the tests' reference data.
"""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from service.api.ui.reference_jobs import ReferenceJob, reference_jobs
from tests.reference_data import make_keras_home, unpack_cifar10
from tests.running_service import Client, running_service
from tests.ui.visitor import CHROMIUM, THEMES, WIDTHS

FOLDER = Path(__file__).parent
PAGES_FOLDER = FOLDER / "pages"
TALLEST = 2400
"""The height of a photograph at most, in pixels. Longer pages are cut."""
EPOCHS = {"cifar-dense": 5, "cifar-convolutional": 3}
"""Fewer epochs than the demonstrations have, for those that take minutes."""
RINGS_EPOCHS = (1, 10, 25, 50)

PLAYGROUND_EPOCHS_SHOWN = 6_000
"""The milliseconds for which the playground trains before it is photographed."""


def train(client: Client, job: ReferenceJob) -> dict[str, Any]:
    """Run a demonstration, and return its training job."""
    for path, document in (("/v1/datasets", job.dataset), ("/v1/models", job.model)):
        if client.request("GET", f"{path}/{document['name']}").status_code == 404:
            client.post(path, document, wait=60)
    document = job.training_job | {"epochs": EPOCHS.get(job.name, job.training_job["epochs"])}
    id_ = client.post("/v1/training-jobs", document, expect=202)["id"]
    found: dict[str, Any] = client.wait_for_status(id_, "succeeded", seconds=1800)
    return found


def pictures(jobs: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The names of the pictures and their paths."""

    def of_version(name: str, what: str) -> str:
        return f"/v1/models/{jobs[name]['model']}/versions/{jobs[name]['version']}/{what}"

    def of_job(name: str, what: str) -> str:
        return f"/v1/training-jobs/{jobs[name]['id']}/{what}"

    yield "line-boundary", of_job("line", "boundary")
    for epoch in RINGS_EPOCHS:
        yield f"rings-boundary-{epoch}", of_job("rings", f"boundary?epoch={epoch}")
    for name in ("rings", "digits", "cifar-convolutional", "cat-logistic"):
        yield f"{name}-curves", of_job(name, "curves")
    for name in ("digits", "cifar-convolutional", "cat-logistic"):
        yield f"{name}-samples", of_version(name, "samples?split=test&count=10")
    for name in ("digits", "cifar-convolutional"):
        yield f"{name}-filters", of_version(name, "filters")
    for name in ("rings", "digits", "cifar-convolutional"):
        yield f"{name}-architecture", f"/v1/models/{jobs[name]['model']}/architecture"
    for name, what in (("digits", "confusion"), ("tumours", "roc")):
        yield f"{name}-{what}", f"{jobs[name]['links']['evaluation']}/{what}"
    for name in ("flowers", "digits"):
        yield f"{name}-preview", f"/v1/datasets/{jobs[name]['dataset']}/preview"
    for name in ("relu", "sigmoid"):
        yield f"activation-{name}", f"/v1/activation-types/{name}/curve"


def pages(jobs: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The names of the pages and their paths."""
    rings, digits = jobs["rings"], jobs["digits"]
    yield "overview", "/ui"
    yield "demonstrations", "/ui/demonstrations"
    yield "datasets", "/ui/datasets"
    yield "dataset", f"/ui/datasets/{jobs['flowers']['dataset']}"
    yield "dataset-of-pictures", f"/ui/datasets/{digits['dataset']}"
    yield "dataset-new", "/ui/datasets/new"
    yield "models", "/ui/models"
    yield "model", f"/ui/models/{digits['model']}"
    yield "version", f"/ui/models/{digits['model']}/versions/{digits['version']}"
    yield "try", f"/ui/models/{jobs['flowers']['model']}/try"
    yield "try-a-digit", f"/ui/models/{digits['model']}/try"
    yield "model-new", "/ui/models/new?template=rings"
    yield "training-jobs", "/ui/training-jobs"
    yield "training-job", f"/ui/training-jobs/{rings['id']}"
    yield "training-job-of-pictures", f"/ui/training-jobs/{digits['id']}"
    yield "training-job-new", f"/ui/training-jobs/new?model={rings['model']}&dataset={rings['dataset']}"
    yield "compare", f"/ui/training-jobs/compare?jobs={jobs['cat-logistic']['id']},{jobs['cat-two-layers']['id']}"
    yield "playground", "/ui/playground"
    yield "ideas", "/ui/ideas"
    for idea in ("neuron", "loss", "activations", "convolution", "arrays", "batches"):
        yield f"idea-{idea}", f"/ui/ideas/{idea}"
    yield "key", "/ui/key"


def photograph(browser: Browser, base_url: str, name: str, path: str) -> None:
    """Photograph a page in each width and theme."""
    for width in WIDTHS:
        for theme in THEMES:
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(base_url + path, wait_until="networkidle")
            # Pictures below the fold are loaded when they come into view.
            page.evaluate(
                "document.querySelectorAll('img[loading=lazy]').forEach((image) => { image.loading = 'eager'; })"
            )
            page.wait_for_load_state("networkidle")
            if name == "playground":
                page.get_by_role("button", name="Train", exact=True).click()
                page.wait_for_timeout(PLAYGROUND_EPOCHS_SHOWN)
            save(page.screenshot(full_page=True), PAGES_FOLDER / f"{name}-{width}-{theme}.png")
            context.close()


def save(content: bytes, path: Path) -> None:
    """Save a photograph with at most 256 colours, which is a quarter of its size."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, TALLEST)))
    image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    PAGES_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = make_keras_home(Path(folder))
        unpack_cifar10(home)
        with running_service(Path(folder) / "var", home) as service, sync_playwright() as playwright:
            client = service.client
            jobs = {job.name: train(client, job) for job in reference_jobs()}
            for name, path in pictures(jobs):
                answer = client.request("GET", path, headers={"Accept": "image/svg+xml"})
                answer.raise_for_status()
                (FOLDER / f"{name}.svg").write_bytes(answer.content)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for name, path in pages(jobs):
                photograph(browser, client.base_url, name, path)
            browser.close()


if __name__ == "__main__":
    main()
