"""Two small slides with their archives, and a study of them."""

import cv2
import numpy as np
import pytest
from readers import CASES, SIDE

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png
from sr_tf.reader_study.kit import Settings, make_kit


@pytest.fixture(scope="session")
def slides(tmp_path_factory):
    """(slides, archives): smears of 640×400 pixels; the left 256 columns of the second show tinted, noisy glass."""
    folder = tmp_path_factory.mktemp("slides")
    paths, archives = [], []
    for seed in (1, 2):
        pixels = render_smear(seed, 400, 640)
        if seed == 2:
            noise = np.random.default_rng(0).normal(0, 3, (400, 256, 1))
            pixels[:, :256] = np.clip(np.array([236, 222, 190]) + noise, 0, 255)
        paths.append(folder / f"patient-{seed}.png")
        archives.append(folder / f"patient-{seed}.sr.zip")
        write_png(paths[-1], cv2.GaussianBlur(pixels, (0, 0), 0.7))
        write_archive(paths[-1], archives[-1], Options(QUALITIES["visual"], models=()))
    return paths, archives


@pytest.fixture(scope="session")
def settings():
    return Settings(CASES, SIDE, ("normal", "abnormal", "cannot say"), 14, 987_654)


@pytest.fixture(scope="session")
def study(slides, settings, tmp_path_factory):
    """(the folder of a study, its key)."""
    folder = tmp_path_factory.mktemp("study") / "study"
    paths, archives = slides
    return folder, make_kit(archives, paths, folder, settings)
