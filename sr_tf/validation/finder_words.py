"""What is known of a finder's own errors, in words: agreement of two findings cannot mean more."""

SAME_FINDER = (
    "The archive was stored so that this finder's answers agree. So the row of the archive is no evidence, and cannot "
    "be compared with the others."
)


def finder_text(finder: dict) -> str:
    """What the finder's card says of its errors, in words."""
    if "method" in finder:
        return (
            f"{finder['method']} Lengths are those of {finder['mpp']:.4g} µm per pixel. Its errors were not measured "
            "against readers; it misses pale nuclei and takes folds, pigment and ink for nuclei. Agreement of counts "
            "cannot mean more."
        )
    test = finder["test"]
    interval = f"{test['kappa_low']:.3f} to {test['kappa_high']:.3f}"
    return (
        f"A network of {finder['parameters']:,} weights, trained on {finder['data']}. On {test['fields']} test fields "
        f"with {test['labels']:,} labelled cells it found {test['recall']:.1%}, within {test['radius']:g} pixels; most "
        "cells there have no label, so what it finds where no cell is was not counted. Of the labelled cells that it "
        f"found, {test['accuracy']:.1%} got the label's type: κ {test['kappa']:.3f} ({interval}), macro F1 "
        f"{test['macro_f1']:.3f}. It expects cells 35 to 50 pixels wide; on other slides its figures mean nothing. "
        "Agreement of types cannot mean more than these figures do."
    )
