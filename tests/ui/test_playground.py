"""Somebody trains in the playground; and the pictures show what the service would predict."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import service.api
from service.api.ui.playground import PRESETS
from tests.running_service import Client
from tests.ui.visitor import Visitor

MODULES = Path(service.api.__file__).parent / "static/ui/playground"
FEW_EPOCHS = "#v=1&n=60&epochs=6&net=relu4-tanh3&rate=0.03"
SLOW = 60_000
"""Milliseconds that a training may take to begin while the machine is busy."""
ACTIVATIONS = re.findall(r"^  \"?(\w+)[\",:].*", (MODULES / "network.js").read_text().split("ACTIVATIONS = {")[1], re.M)
FORWARD = """async ([folder, model, weights, dataset, points]) => {
  const { readLayers, forward, scaled, unscaled } = await import(`${folder}/network.js`);
  const { scaleOfDataset } = await import(`${folder}/documents.js`);
  const scale = await scaleOfDataset(dataset, "surface");
  const columns = [0, 1].map((at) => scaled(Float32Array.from(points, (point) => point[at]), scale.inputs[at]));
  const branches = model.layers.filter((layer) => layer.activation);
  const of = (name) => weights.filter((weight) => weight.name.startsWith(`${name}/`));
  const outputs = branches.flatMap(({ name, activation }) => forward(readLayers(of(name), [activation]), columns)[0]);
  const [last] = forward(readLayers(of("last"), ["linear"]), outputs);
  return [...unscaled(last[0], scale.target)];
}"""


def modules_of(page: Page) -> str:
    """The URL of the folder with the page's modules."""
    source = page.locator("script[src$='playground/main.js']").get_attribute("src")
    assert source is not None
    return source.rpartition("/")[0]


def made(client: Client, kind: str) -> list[dict[str, Any]]:
    """What the playground has made, the newest first."""
    found: list[dict[str, Any]] = client.get(f"/v1/{kind}?metadata.made_by=playground")["items"]
    return found


def waits_for_the_end(page: Page, epochs: int) -> None:
    expect(page.get_by_role("status")).to_contain_text(f"ended after {epochs} epochs", timeout=SLOW)
    expect(page.locator("#figure-epoch")).to_have_text(f"{epochs} of {epochs}")


def test_a_first_visit_is_light(visitor: Visitor) -> None:
    page = visitor.opens("/ui/playground")
    expect(page.get_by_role("status")).to_contain_text("Press “Train”")
    assert len(visitor.requests) < 20
    sizes = "() => performance.getEntries().reduce((sum, entry) => sum + (entry.encodedBodySize ?? 0), 0)"
    assert 0 < page.evaluate(sizes) < 300_000
    assert page.locator("#data-note").text_content() == "800 points to learn from, 200 for validation."


def test_somebody_trains_scrubs_adds_a_point_trains_on_and_shares_the_link(visitor: Visitor, client: Client) -> None:
    page = visitor.opens(f"/ui/playground{FEW_EPOCHS}")
    page.get_by_role("button", name="Train", exact=True).click()
    waits_for_the_end(page, 6)
    assert page.locator("#page").get_attribute("data-redraws") == "6"
    first = made(client, "training-jobs")[0]
    assert first["status"] == "succeeded"
    # Of two classes, the second is blue, as a high output of a neuron is.
    swatches = "items => items.map((item) => item.style.getPropertyValue('--swatch'))"
    assert page.locator("#legend li").evaluate_all(swatches) == ["var(--class-2)", "var(--class-1)"]

    page.get_by_role("slider", name="Epoch").press("Home")
    page.get_by_role("slider", name="Epoch").press("ArrowRight")
    expect(page.locator("#figure-epoch")).to_have_text("2 of 6")
    page.get_by_label("Learning rate").fill("99")
    page.get_by_label("Learning rate").blur()
    expect(page.locator("#fault-rate")).to_have_text("Enter a number from 0 to 10.")
    page.get_by_label("Learning rate").fill("0.02")
    page.get_by_label("Learning rate").blur()
    expect(page.get_by_role("status")).to_contain_text("continues with the learning rate 0.02")

    page.get_by_text("Add a point by its numbers").click()
    page.get_by_label("x", exact=True).fill("0.5")
    page.get_by_label("y", exact=True).fill("0.9")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#data-note")).to_have_text("49 points to learn from, 12 for validation.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#data-note")).to_have_text("48 points to learn from, 12 for validation.")
    page.locator("#plot").click(position={"x": 200, "y": 150})
    expect(page.locator("#data-note")).to_have_text("49 points to learn from, 12 for validation.")

    page.get_by_role("button", name="Train on").click()
    waits_for_the_end(page, 8)
    second = made(client, "training-jobs")[0]
    assert second["parent"] == {"training_job": first["id"], "epoch": 2}
    assert (second["model"], second["dataset"] == first["dataset"]) == (first["model"], False)
    assert second["optimizer"] == {"type": "Adam", "learning_rate": 0.02}
    visitor.finds_it_accessible()

    expect(page).to_have_url(re.compile(f"&job={second['id']}&at=8$"))
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#figure-epoch")).to_have_text("8 of 8", timeout=SLOW)
    assert page.url == link
    loss = page.locator("#figure-loss").text_content()
    assert loss == f"{second['metrics']['loss']:.3g}"

    page.get_by_role("button", name="Tidy up").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#notices")).to_have_text(re.compile(r"^Deleted: (\d+) of \1\.$"))
    assert [made(client, kind) for kind in ("training-jobs", "models", "datasets")] == [[], [], []]


def test_a_paused_training_is_drawn_as_it_was_paused(visitor: Visitor, client: Client) -> None:
    page = visitor.opens("/ui/playground#v=1&n=1000&epochs=200&batch=1&net=tanh2&rate=0.03")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#figure-epoch")).to_have_text(re.compile(r"^[2-9]\d* of 200$"), timeout=SLOW)
    page.get_by_role("button", name="Pause").click()
    paused = re.compile(r"The training is paused after epoch (\d+)\.")
    expect(page.get_by_role("status")).to_have_text(paused)
    words = paused.match(page.get_by_role("status").inner_text())
    assert words is not None
    expect(page.locator("#figure-epoch")).to_have_text(f"{words[1]} of 200")
    job = made(client, "training-jobs")[0]["id"]
    client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})


def test_what_is_wrong_in_a_link_is_said(visitor: Visitor) -> None:
    page = visitor.opens("/ui/playground#v=1&data=cubes&rate=fast&n=60&colour=red")
    notices = page.locator("#notices .notice")
    expect(notices).to_have_count(3)
    expect(notices.nth(0)).to_contain_text("“data=cubes” in the link can't be used. Choose one of: circles, moons,")
    expect(notices.nth(2)).to_contain_text("The playground doesn't know this setting.")
    expect(page.get_by_role("spinbutton", name="Points")).to_have_value("60")
    visitor.expects(404)
    page.goto("about:blank")
    visitor.opens("/ui/playground#v=1&net=tanh2&job=tj_0123456789abcdef")
    expect(notices).to_have_text(re.compile("The training of this link can't be shown: .* press “Train” to repeat it"))
    expect(page.get_by_role("button", name="Remove a layer")).to_be_enabled()


def test_what_the_service_refuses_is_said_at_the_field(visitor: Visitor) -> None:
    visitor.expects(422)
    page = visitor.opens("/ui/playground#v=1&data=line&n=2&validation=0.9")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#fault-validation")).to_have_text("The split leaves no training rows.", timeout=SLOW)
    expect(page.get_by_label("Share for validation")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("link", name="Skip to content").press("Enter")
    expect(page.locator("#fault-validation")).to_be_visible()


def test_the_drawn_network_computes_what_the_service_predicts(visitor: Visitor, client: Client) -> None:
    """With every activation, and inputs and targets that are scaled."""
    points = [[-40.0, 3.5], [0.0, 0.0], [12.5, -1.25], [60.0, 0.75], [100.0, -4.0], [-75.0, -2.0]]
    targets = [[x * y] for x, y in points]
    name = "parity-of-drawings"
    client.post("/v1/datasets", {"name": name, "source": "inline", "inputs": points, "targets": targets})
    branches = [
        {"type": "Dense", "units": 3, "activation": one, "name": one, "inputs": ["input"]} for one in ACTIVATIONS
    ]
    model = {
        "name": name, "task": "regression", "input": {"shape": [2], "scaling": "standard"},
        "target": {"scaling": "standard"}, "optimizer": "adam", "loss": "mean_squared_error",
        "layers": [*branches, {"type": "Concatenate", "name": "all", "inputs": ACTIVATIONS},
                   {"type": "Dense", "units": 1, "name": "last", "inputs": ["all"]}],
    }  # fmt: skip
    client.post("/v1/models", model)
    job = client.train(name, name, 3, seed=7)["id"]
    snapshot = f"/v1/training-jobs/{job}/snapshots/3"
    weights = client.get(f"{snapshot}/weights", headers={"Accept": "application/json"})["weights"]
    predicted = client.post(f"{snapshot}/predictions", {"instances": points}, expect=200)["predictions"]

    page = visitor.opens("/ui/playground")
    drawn = page.evaluate(FORWARD, [modules_of(page), model, weights, name, points])
    assert len(ACTIVATIONS) == 11
    assert drawn == pytest.approx([one["value"] for one in predicted], rel=1e-5, abs=1e-4)


def test_the_slider_moves_to_the_nearest_epoch_whose_weights_are_kept(visitor: Visitor) -> None:
    page = visitor.opens("/ui/playground")
    shown = page.evaluate(
        """async (folder) => {
          const { Player, Training } = await import(`${folder}/training.js`);
          const training = new Training(() => {});
          const job = { status: "succeeded", snapshots: { every: 2 } };
          training.parts = [{ job, before: 0, epochs: Array(7).fill({}), missing: new Set() }];
          training.weightsOf = async () => [];
          const player = new Player(training, () => {}, () => {});
          const shown = [];
          for (const [epoch, direction] of [[1, -1], [3, 1], [3, -1], [7, 1]]) {
            await player.seek(epoch, direction);
            shown.push(player.epoch);
          }
          return shown;
        }""",
        modules_of(page),
    )
    assert shown == [2, 4, 2, 7]


def test_the_presets_of_the_page_are_those_of_its_modules() -> None:
    presets = (MODULES / "state.js").read_text().split("PRESETS = {")[1].split("\n};")[0]
    assert tuple(re.findall(r"^  (\w+): ", presets, re.M)) == PRESETS
