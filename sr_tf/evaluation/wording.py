"""Wording and number formats that the tables, the protocols and the report share."""

import json
import math
from collections.abc import Mapping, Sequence

from sr_tf.metrics.scores import SCORES


def counted(count: int, noun: str) -> str:
    """A number and its noun: `1 scene`, `40 scenes`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def joined(parts: Sequence[str]) -> str:
    """A list in a sentence: `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def size_range(sizes: Mapping[str, tuple[int, int]]) -> str:
    """The smallest and the largest image, as `96×96 to 160×128 pixels`; empty if there are no sizes.

    Args:
        sizes: (height, width) of each image in pixels, by the image's name.
    """
    if not sizes:
        return ""
    by_area = sorted(set(sizes.values()), key=math.prod)
    ends = dict.fromkeys((by_area[0], by_area[-1]))
    return f"{' to '.join(f'{width}×{height}' for height, width in ends)} pixels"


def not_measured(unmeasured: Mapping[str, str]) -> list[str]:
    """The part of a protocol line that names the scores that were not measured; no part if all were.

    Args:
        unmeasured: the reason by the score's key.
    """
    reasons = [f"{SCORES[key].heading} ({reason})" for key, reason in unmeasured.items()]
    return [f"not measured: {', '.join(reasons)}"] if reasons else []


def finite(value):
    """A document in which None replaces every number that JSON cannot hold: infinity and NaN."""
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_text(document, indent: int) -> str:
    """A document as the text of a JSON file; infinity and NaN become null."""
    return json.dumps(finite(document), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
