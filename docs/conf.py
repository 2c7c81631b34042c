"""Settings of Sphinx, which builds the manual: `make docs`."""

import dataclasses
import os
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

project = "sr_tf"
author = "the sr_tf authors"
copyright = "the sr_tf authors, Apache-2.0"
version = release = re.search(r'__version__ = "([^"]+)"', (ROOT / "sr_tf" / "__init__.py").read_text("utf-8"))[1]

extensions = ["myst_parser", "sphinx.ext.napoleon", "autoapi.extension"]
default_role = "code"  # docstrings write `names` as Markdown does
suppress_warnings = ["autoapi.python_import_resolution", "ref.python"]
myst_heading_anchors = 3

napoleon_use_ivar = True

# The reference is read from the source; nothing is imported, so TensorFlow does not start.
autoapi_dirs = [str(ROOT / "sr_tf")]
autoapi_root = "reference/api"
autoapi_add_toctree_entry = False
autoapi_ignore = ["*/viewer/*", "*/evaluation/report/*", "*/cli/*"]
autoapi_member_order = "bysource"
autoapi_options = ["members", "show-module-summary"]

html_theme = "furo"
html_title = f"sr_tf {release}"
html_static_path = ["_static"]
html_css_files = ["page.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # summaries are fetched, which browsers refuse for files opened from a disk
html_theme_options = {
    "announcement": "For research use only. Not a medical device. Never diagnose from a reconstruction.",
}


# Pages of the manual that stand at the root, where readers of the repository look for them.
ROOT_PAGES = {"building": "BUILD", "contributing": "CONTRIBUTING", "security": "SECURITY", "changelog": "CHANGELOG"}


def setup(app) -> None:
    """Adds the directive `commands`, the pages that stand outside of docs/, and docstrings in Markdown."""
    app.add_directive("commands", Commands)
    app.connect("source-read", _read_root_pages)
    app.connect("autodoc-process-docstring", _keep_returns_whole, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", _as_restructured_text)


def _read_root_pages(app, page: str, source: list[str]) -> None:
    """Takes a root page's contents from the root, and points links at where its page is in the manual."""
    if page in ROOT_PAGES:
        path = ROOT / f"{ROOT_PAGES[page]}.md"
        app.env.note_dependency(str(path))
        source[0] = path.read_text("utf-8").replace("](docs/", "](/")
    for name, title in ROOT_PAGES.items():
        source[0] = re.sub(rf"\]\((?:\.\./)*{title}\.md", f"](/{name}.md", source[0])


class Commands(SphinxDirective):
    """What `--help` of each command says, and the settings of a training run."""

    def run(self) -> list[nodes.Node]:
        """Asks the parser itself, so that the page cannot be out of date."""
        os.environ["COLUMNS"] = "88"  # the width of the page
        from sr_tf.cli.main import build_parser
        from sr_tf.config import TrainConfig

        found = []
        for name, command in _subcommands(build_parser()):
            found.append(self._section(name, [nodes.literal_block(text=command.format_help())]))
        settings = [
            f"--{field.name}={field.default}\n    {field.metadata['help']}" for field in dataclasses.fields(TrainConfig)
        ]
        about = nodes.paragraph(text="Defaults are those of the preset paper; other presets change some of them.")
        text = nodes.literal_block(text="\n".join(settings))
        found.append(self._section("python train.py", [about, text]))
        return found

    def _section(self, title: str, content: list[nodes.Node]) -> nodes.section:
        section = nodes.section("", nodes.title(text=title), *content, ids=[nodes.make_id(title)])
        for block in section.findall(nodes.literal_block):
            block["language"] = "text"
        return section


def _subcommands(parser):
    """(name, parser) of each command, commands of commands included."""
    for action in parser._subparsers._group_actions:
        for command in action.choices.values():
            if command._subparsers:
                yield from _subcommands(command)
            else:
                yield command.prog, command


def _keep_returns_whole(app, what, name, obj, options, lines: list[str]) -> None:
    """Marks that what a function returns begins with no type: a colon in it would be taken for the type's end."""
    for number, line in enumerate(lines[:-1]):
        if line.strip() in ("Returns:", "Yields:"):
            lines[number + 1] = re.sub(r"^( *)", r"\1: ", lines[number + 1])


def _as_restructured_text(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are Markdown of the plainest kind: `code`, and indented blocks after a colon."""
    text = re.sub(r"(?m)^(?![ ]*[:.]{1,2}[a-z])(.*[^:]):\n+(?=    +\S)", r"\1::\n\n", "\n".join(lines))
    parts = re.split(r"((?<=::\n\n)(?: {4,}.*(?:\n|\Z)|\n(?= {4}))+)", text)
    parts[::2] = [_escaped(part) for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def _escaped(text: str) -> str:
    """Text outside of indented blocks: |x| is an absolute value, *.npz a pattern, `x` code wherever it stands."""
    parts = re.split(r"(``[^`]+``|(?<!:)`[^`]+`)", text)
    parts[::2] = [re.sub(r"(?<!\\)([|*])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"\\ ``{' '.join(part.strip('`').split())}``\\ " for part in parts[1::2]]
    return "".join(parts)
