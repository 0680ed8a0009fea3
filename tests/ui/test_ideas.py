"""The pages of the ideas: their numbers are those of NumPy, and everybody can use them."""

import ast
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from playwright.sync_api import Browser, Page

from models.activations import ACTIVATIONS
from service.api.ui.ideas import IDEAS
from tests.running_service import Client, RunningService
from tests.ui.visitor import Visitor

Compute = Callable[..., Any]
LINE_X = np.array([-1.0, 0, 1, 2, 3, 4])
LINE_Y = 2 * LINE_X - 1

CALL = """async ([module, name, args]) => {
  const page = document.querySelector('script[src*="/ideas/"]').src;
  const found = (await import(new URL(module, page)))[name];
  try { return typeof found === "function" ? await found(...args) : found; }
  catch (error) { return {error: error.message}; }
}"""


@pytest.fixture
def compute(visitor: Visitor) -> Compute:
    """Calls a function of a module in the browser: `compute("descent.js", "loss", [2, -1])`."""
    page = visitor.opens("/ui/ideas/neuron")
    return lambda module, name, *arguments: page.evaluate(CALL, [f"./{module}", name, list(arguments)])


def descend(start: list[float], rate: float, momentum: float, steps: int) -> list[list[float]]:
    weights, velocity = np.array(start), np.zeros(2)
    path = [weights]
    for _ in range(steps):
        errors = weights[0] * LINE_X + weights[1] - LINE_Y
        velocity = momentum * velocity - rate * np.array([2 * np.mean(errors * LINE_X), 2 * np.mean(errors)])
        weights = weights + velocity
        path.append(weights)
    return [list(weights) for weights in path]


def test_gradient_descent_and_its_landscape_are_exact(compute: Compute) -> None:
    for rate, momentum in ((0.005, 0), (0.15, 0), (0.19, 0), (0.05, 0.6)):
        path = compute("descent.js", "path", [-1.5, 3.5], {"rate": rate, "momentum": momentum}, 40)
        np.testing.assert_allclose(path, descend([-1.5, 3.5], rate, momentum, 40), rtol=1e-9)
    hessian = 2 * np.array([[np.mean(LINE_X**2), np.mean(LINE_X)], [np.mean(LINE_X), 1]])
    largest = np.linalg.eigvalsh(hessian)[-1]
    assert compute("descent.js", "largestRate", 0.6) == pytest.approx(2 * 1.6 / largest)
    for w, b in compute("descent.js", "contour", 3.2, 12):
        assert np.mean((w * LINE_X + b - LINE_Y) ** 2) == pytest.approx(3.2)


def test_a_neuron_with_two_inputs_learns_as_the_formulas_say(compute: Compute) -> None:
    for name, points in compute("classifier.js", "SETS").items():
        rows = np.array([[point["x"], point["y"], 1.0] for point in points])
        labels = np.array([point["label"] for point in points])
        weights = np.array([1.0, -1.0, 0.5])
        scores = 1 / (1 + np.exp(-rows @ weights))
        loss = -np.mean(labels * np.log(scores) + (1 - labels) * np.log(1 - scores))
        given = dict(zip(("w1", "w2", "b"), map(float, weights), strict=True))
        assert compute("classifier.js", "crossEntropy", given, points) == pytest.approx(loss), name
        assert compute("classifier.js", "correct", given, points) == np.sum((scores > 0.5) == labels)
        expected = weights - 2 * rows.T @ (scores - labels) / len(rows)
        assert list(compute("classifier.js", "descend", given, points, 2).values()) == pytest.approx(list(expected))
    ends = compute("classifier.js", "separator", given, {"x": [-0.5, 1.5], "y": [-0.5, 1.5]})
    assert [weights @ [*end, 1] for end in ends] == pytest.approx([0, 0])


def test_activation_functions_are_those_of_the_service(compute: Compute, visitor: Visitor) -> None:
    x = np.linspace(-5.95, 5.95, 120)
    found = visitor.page.evaluate(
        """async (x) => {
          const page = document.querySelector('script[src*="/ideas/"]').src;
          const {FUNCTIONS} = await import(new URL("./activation_functions.js", page));
          return Object.fromEntries(Object.entries(FUNCTIONS).map(([name, {value, derivative}]) =>
            [name, {value: x.map(value), derivative: x.map(derivative)}]));
        }""",
        x.tolist(),
    )
    for name, curves in found.items():
        np.testing.assert_allclose(curves["value"], ACTIVATIONS[name].value(x), atol=1e-12, err_msg=name)
        np.testing.assert_allclose(curves["derivative"], ACTIVATIONS[name].derivative(x), atol=1e-12, err_msg=name)
    logits = np.array([2.0, 1.0, -3.5])
    shares = compute("activation_functions.js", "softmax", logits.tolist())
    np.testing.assert_allclose(shares, np.exp(logits) / np.exp(logits).sum())


def reference_convolution(picture: np.ndarray, kernel: np.ndarray, stride: int, padding: str) -> np.ndarray:
    if padding == "same":
        sizes = [-(-size // stride) for size in picture.shape]
        total = [max((n - 1) * stride + 3 - size, 0) for n, size in zip(sizes, picture.shape, strict=True)]
        picture = np.pad(picture, [(number // 2, number - number // 2) for number in total])
    return np.einsum("abij,ij->ab", sliding_window_view(picture, (3, 3))[::stride, ::stride], kernel)


def test_a_convolution_is_the_sum_of_products_at_each_position(compute: Compute) -> None:
    pictures = [*compute("convolve.js", "PICTURES").values(), np.arange(63.0).reshape(7, 9).tolist()]
    kernels = [*compute("convolve.js", "KERNELS").values(), [[0.5, -2, 3], [0, 1.25, -1], [4, 0, -0.5]]]
    for picture, kernel in zip(pictures * 2, kernels, strict=False):
        for stride, padding in product((1, 2, 3), ("valid", "same")):
            options = {"stride": stride, "padding": padding}
            expected = reference_convolution(np.array(picture), np.array(kernel), stride, padding)
            found = compute("convolve.js", "convolve", picture, kernel, options)
            np.testing.assert_allclose(found, expected, atol=1e-12)


SOURCES = [
    "5", "2.5", "True", "1e-5", "1e16", "[]", "[[], []]", "[1, 2, 3]", "[1, 2.5]", "[1, True]", "[0.1, True]",
    "[True, False]", "[[1, 2], [3, 4]]", "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", "[[[1.5], [2]], [[3], [4]]]",
    "[[[[1]]]]", "[-1, 10]", "[-1.5, 10, 0.125]", "[-0.0, 1.0]", "[0.0, 0.0]", "[+3, -2]", "[.5, 5.]", "[1.,]",
    "[0.1, 0.123456789123]", "[[1.5, 2000], [3, 4]]", "[1e10, 1]", "[1e10, 1.25, 0]", "[1e-5, 1.0]", "[1e100, 1.0]",
    "[12345678.5, 100000.25]", str(list(range(50))), str([[1.5 * number for number in range(30)]]),
    "[[1, 2], [3]]", "[1, [2, 3]]", "[[[1], [2]], [[3], [4, 5]]]", "[[1, 2], [3, [4]]]", "[[1], [[2]]]",
]  # fmt: skip


def of_numpy(compute: Callable[[], Any]) -> tuple[Any, str]:
    """What NumPy computes, or None and the message with which it refuses."""
    try:
        return compute(), ""
    except ValueError as error:
        return None, str(error)


def test_arrays_print_as_numpy_prints_them_and_are_refused_as_numpy_refuses_them(visitor: Visitor) -> None:
    page = visitor.opens("/ui/ideas/arrays")
    field = page.get_by_label("a = np.array(…)")
    part = page.locator("section", has=field).last
    for source in SOURCES:
        field.fill(source)
        array, message = of_numpy(partial(np.array, ast.literal_eval(source)))
        if message:
            assert part.locator(".fault").text_content() == f"ValueError: {message}"
            continue
        assert part.locator("pre").text_content() == str(array), source
        facts = [str(array.ndim), str(array.shape), str(array.dtype), str(array.size)]
        assert part.locator("dd").all_text_contents() == facts, source
    for source in ("", "[", "[1 2]", "[1, 2]]", "nan", "9999999999999999999"):
        field.fill(source)
        assert part.locator(".fault").text_content(), source
    visitor.finds_it_accessible()


SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (4,), (3, 1), (3, 4), (1, 4), (2, 3, 4), (2, 1, 1), (0,), (5, 1, 4)]


def test_shapes_broadcast_and_multiply_as_numpys_do(compute: Compute) -> None:
    for a in SHAPES:
        for b in SHAPES:
            total, message = of_numpy(partial(np.add, np.zeros(a), np.zeros(b)))
            found = compute("arrays_model.js", "broadcast", list(a), list(b))
            assert found["shape"] == (None if message else list(np.shape(total)))
            assert found.get("error", "") == message
    values = [np.arange(rows * columns).reshape(rows, columns) - 2 for rows in (1, 3) for columns in (2, 3)]
    for left in values:
        for right in values:
            result, message = of_numpy(partial(np.dot, left, right))
            found = compute("arrays_model.js", "dot", left.tolist(), right.tolist())
            assert found == ({"error": message} if message else result.tolist())


def test_an_epoch_takes_every_row_once_and_its_last_batch_is_smaller(compute: Compute) -> None:
    assert compute("schedule.js", "stepsOf", 60000, 128) == 469
    for rows, batch in ((6, 4), (6, 8), (10, 5), (1000, 32)):
        steps = compute("schedule.js", "stepsOf", rows, batch)
        plan = {"rows": rows, "batch": batch}
        made = [compute("schedule.js", "position", step, plan) for step in range(1, steps + 2)]
        taken = [row for step in made[:-1] for row in range(step["first"], step["last"] + 1)]
        assert taken == list(range(1, rows + 1))
        last = len(range(rows)[(steps - 1) * batch :])
        assert made[-2]["size"] == compute("schedule.js", "lastBatch", rows, batch) == last
        assert (made[-1]["epoch"], made[-1]["batch"]) == (2, 1)
    orders = [list(compute("schedule.js", "shuffled", 1000, epoch)) for epoch in (1, 2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(1000))
    assert orders[0] != orders[1]


def show_me(page: Page, number: int) -> None:
    """Click the button of a suggestion of the list "What to try", counted from 1."""
    page.get_by_role("button", name="Show me").nth(number - 1).click()


def says(page: Page, words: str) -> None:
    page.locator(".sentence:visible", has_text=words).first.wait_for()


def test_the_suggestions_show_what_they_say(visitor: Visitor) -> None:
    """The visitor prefers less motion, so that each walk ends at once."""
    page = visitor.opens("/ui/ideas")
    page.get_by_role("link", name="One neuron").click()
    show_me(page, 1)
    says(page, "The line y = 2.00 · x − 1.00 has a mean squared error of 0.")
    show_me(page, 3)
    says(page, "4 of 4 points right")
    visitor.finds_it_accessible()
    show_me(page, 4)
    says(page, "its cross-entropy is 0.693")
    page.get_by_role("link", name="Loss and gradient descent").click()
    outcomes = ("After 200 steps the loss is 1.87", "After 43 steps", "diverges", "After 36 steps")
    for number, words in enumerate(outcomes, 1):
        show_me(page, number)
        says(page, words)
    visitor.finds_it_accessible()
    page.get_by_role("link", name="Activation functions").click()
    show_me(page, 2)
    says(page, "f′(x) = 0.00665")
    show_me(page, 4)
    says(page, "66.5 %, 24.5 %, 9.0 %")
    visitor.finds_it_accessible()
    page.get_by_role("link", name="Convolution").click()
    show_me(page, 5)
    says(page, "The result has 5 × 5 numbers.")
    page.get_by_role("img", name="The kernel's result on the eight: 14 × 14 numbers").wait_for()
    visitor.finds_it_accessible()
    page.get_by_role("link", name="Arrays").click()
    show_me(page, 4)
    page.get_by_text("ValueError: operands could not be broadcast together with shapes (3,4) (3,)").wait_for()
    page.get_by_label("Shape of b").fill("(3, 1)")
    says(page, "(3, 4) and (3, 1) broadcast to (3, 4).")
    page.get_by_label("Rows of b").fill("2")
    page.get_by_text("ValueError: shapes (2,3) and (2,2) not aligned: 3 (dim 1) != 2 (dim 0)").wait_for()
    show_me(page, 5)
    page.get_by_role("gridcell", name="row 3, column 2").click()
    says(page, "Row 3 of a times column 2 of b is 5.")
    page.get_by_role("link", name="Epoch, batch, step").click()
    show_me(page, 2)
    says(page, "batch 469 of 469 (rows: 96), step 469 of 2,345")
    page.get_by_role("button", name="Play").click()
    says(page, "step 2,345 of 2,345")
    visitor.finds_it_accessible()


def test_the_drawings_obey_the_keyboard(visitor: Visitor) -> None:
    page = visitor.opens("/ui/ideas/convolution")
    page.get_by_role("gridcell", name="row 1, column 1: 0", exact=True).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    says(page, "At row 1, column 1, the sum is −9.")
    assert page.locator("td:focus").get_attribute("aria-label") == "row 2, column 1: 9"
    page.get_by_label("Weight in row 2, column 1").fill("2")
    says(page, "At row 1, column 1, the sum is 0.")
    visitor.opens("/ui/ideas/loss")
    page.get_by_role("application", name="The loss as contours").focus()
    page.keyboard.press("ArrowRight")
    says(page, "with w = −1 and b = 3.5")


def test_without_scripts_the_pages_explain_with_a_still_drawing(browser: Browser, service: RunningService) -> None:
    with Visitor.of(browser, service.client.base_url, java_script_enabled=False) as visitor:
        page = visitor.opens("/ui/ideas")
        assert page.locator(".idea-cards svg").count() == len(IDEAS)
        for idea in IDEAS:
            page = visitor.opens(f"/ui/ideas/{idea.name}")
            assert page.locator("#toy svg").is_visible()
            assert page.locator("#toy figcaption").is_visible()
            assert not page.locator("button:visible", has_text="Show me").count()


def test_each_page_weighs_little_and_has_room_on_a_wide_screen(visitor: Visitor) -> None:
    visitor.opens("/ui/ideas")
    visitor.finds_it_accessible()
    for idea in IDEAS:
        visitor.requests.clear()
        page = visitor.opens(f"/ui/ideas/{idea.name}")
        page.locator("#toy .sentence").first.wait_for(state="attached")
        assert len(visitor.requests) < 20
        page.set_viewport_size({"width": 1280, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_requests_of_the_pages_are_valid_and_their_figures_true(client: Client) -> None:
    summaries = {
        idea.name: client.post("/v1/models?dry_run=true", idea.body, expect=200)["summary"]
        for idea in IDEAS
        if idea.path == "/v1/models" and idea.name != "neuron"
    }
    convolution = summaries["convolution"]["layers"][0]
    assert (convolution["output_shape"], convolution["parameters"]) == ([8, 8, 1], 10)
    assert summaries["arrays"]["parameters"] == 10
    assert summaries["loss"]["parameters"] == 2


def test_an_unknown_idea_is_not_found(client: Client) -> None:
    response = client.request("GET", "/ui/ideas/nothing", headers={"Accept": "text/html"})
    assert response.status_code == 404
