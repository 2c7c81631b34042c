"""The figures of a reader study as rows of text, as facts and as JSON."""

import json
from collections.abc import Mapping, Sequence

import sr_tf
from sr_tf.messages import RESEARCH_ONLY
from sr_tf.pages.figures import finite, interval, number
from sr_tf.reader_study.concordance import Concordance, Pair
from sr_tf.reader_study.key import GUIDELINE_CASES, GUIDELINE_CONCORDANCE, GUIDELINE_WASHOUT, Key

MADE_BY = "sr-tf reader-results"
HEADINGS = (
    "reader", "cases", "same finding", "concordance (%)", "95 % interval", "≥\u00a095\u00a0%", "κ",
    "95 % interval of κ", "quality, original", "quality, restored", "confidence, original", "confidence, restored",
    "days between", "one form only",
)  # fmt: skip


def row(found: Concordance, key: Key) -> list[str]:
    """One reader, as texts in the order of `HEADINGS`."""
    return [
        found.reader,
        f"{found.cases} of {len(key.cases)}",
        f"{found.same} of {found.pairs}",
        number(100 * found.share, ".1f"),
        interval(100 * found.low, 100 * found.high, ".1f"),
        _reached(found),
        number(found.kappa, ".3f"),
        interval(found.kappa_low, found.kappa_high, ".3f"),
        *(number(value, ".2f") for value in (*found.quality, *found.confidence)),
        "–" if found.gap is None else f"{found.gap}",
        f"{found.unread}",
    ]


def _reached(found: Concordance) -> str:
    if not found.pairs:
        return "–"
    if found.low >= GUIDELINE_CONCORDANCE:
        return "yes, and the interval"
    return "yes" if found.share >= GUIDELINE_CONCORDANCE else "no"


def facts(found: Sequence[Concordance], key: Key) -> list[tuple[str, str]]:
    """The main figures for people, by what they are."""
    all_ = found[-1]
    texts = dict(zip(HEADINGS, row(all_, key), strict=True))
    return [
        ("readers", str(max(1, len(found) - 1))),
        ("cases read in both forms", texts["cases"]),
        ("intra-reader concordance", f"{texts['concordance (%)']} %"),
        ("95 % interval", texts["95 % interval"]),
        ("Cohen's κ", texts["κ"]),
        ("guideline asks for", f"{100 * GUIDELINE_CONCORDANCE:g} %"),
    ]


def shortfalls(found: Sequence[Concordance]) -> list[str]:
    """In what the readings fall short of the guideline's design, one line for each reader and kind."""
    lines = []
    for one in found[:-1] or found:
        if one.cases < GUIDELINE_CASES:
            lines.append(f"{one.reader}: {one.cases} cases in both forms, the guideline asks for {GUIDELINE_CASES}")
        if one.gap is not None and one.gap < GUIDELINE_WASHOUT:
            lines.append(f"{one.reader}: {one.gap} days between readings, the guideline asks for {GUIDELINE_WASHOUT}")
    return lines


def protocol(key: Key) -> str:
    """How the figures were made."""
    clauses = (
        f"sr_tf {sr_tf.__version__}",
        f"{len(key.cases)} fields of {key.side}×{key.side} pixels with tissue or cells, drawn with seed {key.seed}",
        "each read once as the original and once restored, in two sessions with other orders, half of the cases "
        "restored first",
        "concordance: share of cases with the same finding, of one reader in both forms, “cannot say” and its like "
        "counted as a finding",
        "95 % interval by Wilson; for readers together that of as many answers as there are cases",
        "κ without weights, 95 % interval by 2,000 bootstrap resamples of cases, or of answers where there are fewer "
        "than ten cases; it has no width, and says nothing, where all findings agree",
        "days between: the fewest between the two readings of a case",
    )
    return "; ".join(clauses)


def to_json(key: Key, sealed: str, found: Sequence[Concordance], pairs: Mapping[str, Sequence[Pair]]) -> str:
    """The study's results as a JSON document; numbers that are not defined are null."""
    document = {
        "made_by": f"{MADE_BY}, sr_tf {sr_tf.__version__}",
        "note": RESEARCH_ONLY,
        "study": key.study,
        "key_sha256": sealed,
        "protocol": protocol(key),
        "categories": key.categories,
        "concordance": [_record(one) for one in found],
        "differing": [
            {
                "reader": reader,
                "case": pair.case.number,
                "original": pair.original.finding,
                "restored": pair.restored.finding,
            }
            for reader, own in pairs.items()
            for pair in own
            if not pair.same
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _record(found: Concordance) -> dict:
    return {
        "reader": found.reader,
        "cases": found.cases,
        "pairs": found.pairs,
        "same": found.same,
        "share": finite(found.share),
        "interval": [finite(found.low), finite(found.high)],
        "kappa": finite(found.kappa),
        "kappa_interval": [finite(found.kappa_low), finite(found.kappa_high)],
        "quality": {form: finite(value) for form, value in zip(("original", "restored"), found.quality, strict=True)},
        "confidence": {
            form: finite(value) for form, value in zip(("original", "restored"), found.confidence, strict=True)
        },
        "days_between": found.gap,
        "one_form_only": found.unread,
        "table": found.table.tolist(),
    }
