"""The page that readers use: one HTML file beside a folder of images, without a server or other hosts."""

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from string import Template

from sr_tf.pages.common import shared_style
from sr_tf.reader_study.key import Key

_FOLDER = Path(__file__).with_name("reading")
_SCRIPTS = ("start.js", "questions.js", "image.js", "keys.js")


def to_html(key: Key, sealed: str) -> str:
    """Returns the page. Nothing in it tells originals from restored images.

    Args:
        key: the study's key.
        sealed: SHA-256 of the key's file.
    """
    script = "\n".join((_FOLDER / name).read_text("utf-8") for name in _SCRIPTS)
    study = {
        "study": key.study,
        "side": key.side,
        "washout": key.washout,
        "categories": key.categories,
        "sessions": key.sessions,
    }
    # The browser runs this one script and no other, whatever a category's name says.
    return Template((_FOLDER / "page.html").read_text("utf-8")).substitute(
        style=shared_style(_FOLDER / "page.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=json.dumps(study, ensure_ascii=False).replace("<", "\\u003c"),
        study=key.study,
        made=key.made,
        seal=sealed,
        count=len(key.cases),
        washout=key.washout,
        categories=escape(", ".join(key.categories)),
    )
