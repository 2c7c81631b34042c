"""What the documents contain: links, headings, code, and the commands in it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([\w{}+-]*)[^\n]*\n(.*?)^ {0,3}\1\s*$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4}[^\n]*\n|\n(?= {4}))+")
_SHELL_LANGUAGES = {"", "sh", "bash", "shell", "console"}
_SHELL_WORDS = {"do", "then", "{", "(", "if", "for", "while", "!"}
_SEPARATORS = {"&&", "||", ";", "|", "&", ">", ">>", "<", "(", ")"}


def documents() -> list[Path]:
    """Every Markdown file that a reader is sent to."""
    roots = [ROOT / f"{name}.md" for name in ("README", "BUILD", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
    return [*roots, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "datasets").glob("*/README.md"))]


def code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """(language, content) of fenced blocks, then ("", content) of indented ones."""
    for match in _FENCE.finditer(text):
        yield match[2], match[3]
    for match in _INDENTED.finditer(_FENCE.sub("", text)):
        yield "", re.sub(r"(?m)^ {4}", "", match[0])


def prose(text: str) -> str:
    """The text without its code blocks."""
    return _INDENTED.sub("\n", _FENCE.sub("\n", text))


def inline_code(text: str) -> list[str]:
    """What stands between backticks in prose; a line end within is a space."""
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(text))]


def links(text: str) -> list[str]:
    """Targets of links and pictures."""
    without_code = re.sub(r"`[^`\n]*`", "", prose(text))
    return re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", without_code)


def anchors(text: str) -> set[str]:
    """The names by which links reach a document's headings, as GitHub and MyST make them."""
    found: dict[str, int] = {}
    for title in re.findall(r"(?m)^#{1,6} +(.+?) *#*$", prose(text)):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).strip().lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {f"{slug}-{number}" if number else slug for slug, last in found.items() for number in range(last + 1)}


def dead_links(path: Path, text: str) -> list[str]:
    """Relative links that lead to no file or no heading.

    Args:
        path: where the text stands, or would stand.
        text: Markdown.
    """
    dead = []
    for link in links(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        content = text if not file else target.read_text("utf-8") if target.suffix == ".md" and target.is_file() else ""
        if not target.exists() or (anchor and anchor not in anchors(content)):
            dead.append(f"{path.name}: {link}")
    return dead


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands in a text's shell blocks, as lists of words."""
    for language, block in code_blocks(text):
        if language in _SHELL_LANGUAGES:
            for line in block.replace("\\\n", " ").splitlines():
                yield from split_commands(line)


def split_commands(line: str) -> Iterator[list[str]]:
    """The commands of one line: comments, redirections and variables before a command are left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*_words(lexer), ";"]:
        if word in _SEPARATORS:
            if command:
                yield [command[0].removeprefix(".venv/bin/"), *command[1:]]
            command = []
        elif command or not (word in _SHELL_WORDS or re.fullmatch(r"\w+=.*", word)):
            command.append(word)


def _words(lexer: shlex.shlex) -> list[str]:
    try:
        return list(lexer)
    except ValueError:  # a lone quotation mark: a line of other text
        return []
