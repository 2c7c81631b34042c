"""The report's protocol: everything needed to repeat its numbers."""

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report.columns import measured
from sr_tf.evaluation.wording import counted, size_range
from sr_tf.images.degradation import DEGRADATIONS


def report_protocol(comparison: Comparison) -> dict[str, str]:
    """Data, reduction, scores, averaging and intervals: a description for each item."""
    names = comparison.scores[next(iter(comparison.scores))]
    items = {
        "scenes": ", ".join(
            filter(None, (f"{counted(len(names), 'scene')} of {comparison.data}", size_range(comparison.sizes)))
        ),
        "reduction": f"{comparison.degradation} ×{comparison.scale}: {DEGRADATIONS[comparison.degradation].meaning}",
    }
    by_meaning: dict[str, list[str]] = {}
    for score in measured(comparison):
        by_meaning.setdefault(score.protocol.format(scale=comparison.scale), []).append(score.heading)
    items |= {", ".join(headings): meaning for meaning, headings in by_meaning.items()}
    return items | {
        "means": "mean over scenes, all scenes with equal weight",
        "95 % intervals": "percentile bootstrap over scenes, 2,000 resamples, fixed seed; they may be too narrow, "
        "because scenes of one smear are not independent",
    }
