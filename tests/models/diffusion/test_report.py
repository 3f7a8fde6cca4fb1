"""The sampler's report and its charts, on a model whose truth is known."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from flows.commands.sampler_report import format_page
from models.diffusion.calibrate import fit
from models.diffusion.charts import Line, draw_chart, draw_charts
from models.diffusion.coefficients import parse_correction
from models.diffusion.report import mismatch, settled, split_octaves, to_pixels, trace_all
from models.diffusion.request import DrawRequest
from models.diffusion.trials import Population, batches, make_requests, run_batch
from models.prompt import Prompt
from tests.models.diffusion.gaussian import gaussian_drawer
from tests.models.diffusion.test_calibrate import a_job

REQUEST = DrawRequest(Prompt("x"), 3, 128, 128, 8, 1.0)


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    job = a_job(tmp_path_factory.mktemp("parts"))
    chosen = make_requests(job.settings, 4, 0)
    references = [run_batch(job, "fine", chunk, None, fine=True) for chunk in batches(job, chosen)]
    drawer = gaussian_drawer()
    return drawer, *trace_all(drawer, REQUEST, fit(job, chosen, Population(references)))


def test_octaves_add_up_to_the_whole():
    latents = torch.randn(1, 3, 20, 36)
    parts = split_octaves(latents, "planes")
    assert len(parts) == 4
    assert torch.allclose(sum(parts), latents, atol=1e-5)
    packed = torch.randn(1, 15, 16)
    assert torch.allclose(sum(split_octaves(packed, "packed")), packed, atol=1e-5)


def test_coarse_octaves_settle_first_and_the_last_step_is_the_picture(traced):
    _, runs, _ = traced
    shares = settled(runs[0], "planes")
    assert np.allclose(shares[:, -1], 1)
    assert shares[0, 3] > shares[-1, 3]


def test_the_correction_closes_the_mismatch(traced):
    _, runs, fine = traced
    before, after = (np.abs(mismatch(run, fine)).sum() for run in runs)
    assert after < 0.6 * before


def test_the_page_is_whole_and_refers_to_nothing_outside(traced):
    drawer, runs, fine = traced
    page = format_page({"prompt": "<script>alert(1)</script>"}, runs, fine, drawer)
    assert "<script" not in page
    assert page.count("<img") == 3 + 1 + 2 * 8
    assert page.count("<svg") == 4
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"]+)', page))
    assert "nan" not in re.sub(r"base64,[^\"]+", "", page).lower()
    off_only = format_page({"prompt": "x"}, runs[:1], fine, drawer)
    assert off_only.count("<img") == 2 + 8


def test_the_runs_are_those_of_the_pipeline(traced):
    drawer, runs, _ = traced
    assert torch.equal(runs[0].final, drawer.sample([REQUEST]))
    correction = parse_correction("low:low=0.05")
    again, _ = trace_all(drawer, REQUEST, correction)
    assert torch.equal(again[1].final, drawer.sample([REQUEST], correction))


def test_charts_are_well_formed_and_show_their_values():
    chart = draw_chart("A < B", "step", [1, 2, 3], [Line("one", [0.0, 0.5, -0.25]), Line("two", [1, float("nan"), 2])])
    root = ElementTree.fromstring(chart)
    assert root.tag.endswith("svg")
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "A < B" in texts and "one" in texts and "step" in texts
    assert "nan" not in chart
    ElementTree.fromstring(draw_charts([chart, chart]))
    ElementTree.fromstring(draw_chart("flat", "x", [1], [Line("zero", [0.0])], percent=True))


def test_latents_become_pixels():
    assert to_pixels(torch.zeros(1, 3, 4, 6)).shape == (4, 6, 3)
    assert to_pixels(torch.randn(1, 16, 4, 6)).dtype == np.uint8
    assert to_pixels(torch.randn(1, 2, 4, 6)).shape == (4, 6, 3)
