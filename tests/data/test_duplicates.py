from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_tf.data.duplicates import THRESHOLD, fingerprint, keep_together, near_duplicates
from sr_tf.images.reading import find_images, read_rgb

CHULA = Path(__file__).parents[2] / ".." / "shared" / "data" / "chula_rbc12"
# The known repeats of the series: fields that were photographed or stored twice.
REPEATS = {
    *((52, 54), (151, 152), (233, 234), (243, 244), (248, 249), (251, 252), (262, 263), (296, 298), (297, 299)),
    *((383, 384), (440, 441), *((field, field + 6) for field in range(267, 273))),
    *((field, field + 47) for field in range(560, 574)),
}


def smear(seed, height=900, width=1100):
    """Draws a wide field of overlapping discs, from which views are cut."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), 225, np.uint8)
    for _ in range(220):
        centre = (int(random.integers(0, width)), int(random.integers(0, height)))
        axes = (int(random.integers(18, 30)), int(random.integers(18, 30)))
        colour = tuple(int(value) for value in random.integers(120, 190, 3))
        cv2.ellipse(image, centre, axes, float(random.integers(0, 180)), 0, 360, colour, -1)
    return image


def view(image, top=0, left=0):
    return image[top : top + 480, left : left + 640].copy()


def pairs_of(*images):
    return {(i, j) for i, j, _ in near_duplicates([fingerprint(image) for image in images])}


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5), (41, 0), (0, 203), (120, 90), (150, 250)])
def test_the_same_place_is_found_at_any_shift(top, left):
    field = smear(0)
    assert pairs_of(view(field, 100, 100), view(smear(1)), view(field, 100 + top, 100 + left)) == {(0, 2)}
    assert pairs_of(view(field, 100 + top, 100), view(smear(1)), view(field, 100, 100 + left)) == {(0, 2)}


def test_the_same_place_is_found_after_refocusing_restaining_and_compression():
    field = view(smear(2))
    defocused = cv2.GaussianBlur(field, (0, 0), 3)
    darker = np.clip(field * np.linspace(0.5, 0.8, 640)[None, :, None], 0, 255).astype(np.uint8)
    compressed = cv2.imdecode(cv2.imencode(".jpg", field, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)
    inked = field.copy()
    cv2.rectangle(inked, (400, 350), (600, 450), (255, 255, 0), -1)
    for changed in (defocused, darker, compressed, inked):
        assert pairs_of(field, changed) == {(0, 1)}


def test_different_places_with_the_same_scale_bar_are_not_duplicates():
    fields = [view(smear(seed)) for seed in range(12)]
    for field in fields:
        cv2.rectangle(field, (480, 440), (610, 450), (0, 0, 0), -1)
        cv2.putText(field, "20 um", (500, 430), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    assert pairs_of(*fields) == set()


def test_images_of_different_sizes_are_compared():
    field = smear(3)
    assert pairs_of(field[:702, :699], field[2:702, :696]) == {(0, 1)}


def test_empty_images_match_nothing():
    blank = np.full((480, 640, 3), 200, np.uint8)
    assert pairs_of(blank, blank, view(smear(4))) == set()
    assert pairs_of() == pairs_of(blank) == set()


def test_the_best_score_comes_first():
    field = smear(5)
    prints = [fingerprint(image) for image in (view(field), cv2.GaussianBlur(view(field), (0, 0), 4), view(field))]
    found = near_duplicates(prints)
    assert found[0][:2] == (0, 2)
    scores = [score for *_, score in found]
    assert scores[0] == pytest.approx(1, abs=1e-5) and scores == sorted(scores, reverse=True)
    assert min(scores) >= THRESHOLD


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_connected_groups_are_merged(groups, data):
    index = st.integers(0, len(groups) - 1)
    pairs = data.draw(st.lists(st.tuples(index, index, st.just(0.9)), max_size=20))
    reached = {group: {group} for group in groups}
    for _ in groups:
        for i, j, _ in pairs:
            union = reached[groups[i]] | reached[groups[j]]
            for group in union:
                reached[group] = union
    merged = keep_together(groups, pairs)
    for i, first in enumerate(groups):
        assert merged[i] == min(reached[first], key=groups.index)


@pytest.mark.slow
@pytest.mark.skipif(not CHULA.is_dir(), reason="needs the Chula RBC-12 fields")
def test_the_known_repeats_of_chula_are_found_and_none_crosses_the_partition():
    paths = find_images(CHULA)
    found = near_duplicates([fingerprint(read_rgb(path)) for path in paths])
    pairs = {(int(paths[i].stem), int(paths[j].stem)) for i, j, _ in found}
    assert pairs >= REPEATS
    assert len(pairs) < 100
    assert all(paths[i].parent == paths[j].parent for i, j, _ in found)
