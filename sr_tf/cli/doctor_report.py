"""What `sr-tf doctor` finds out: packages, libraries, engines and the machine. Imports no framework."""

import importlib
import platform
import re
import shutil
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from sr_tf import __version__
from sr_tf.assets.registry import ASSETS
from sr_tf.assets.store import cache_folder, is_cached
from sr_tf.disk.cores import usable_cores
from sr_tf.disk.space import free_bytes
from sr_tf.errors import UserError, install_extra, install_required, reason
from sr_tf.generators.load import shipped
from sr_tf.images.decoders import avif_version, jpegxl_version

NEEDED_FOR = {
    "archive": "archive, fleet, restore (not --region), verify --against or of JPEG tiles, certificate, reader-kit, "
    "reduce, pack, smear, DICOM, JPEG 2000",
    "tensorflow": "generators: archives with networks, upscale, export, validate",
    "view": "view",
    "openvino": "--engine openvino",
    "ray": "serve, fleet --ray",
    "evaluate": "rate-distortion, certificate --pdf; evaluate.py in the checkout",
    "train": "train.py in the checkout",
    "jax": "train.py in the checkout, with KERAS_BACKEND=jax",
    "zarr": "sr_tf.open(...).zarr in Python",
}
"""The extras of setup.cfg that users need, and for which commands; the others are for developers."""
_ENGINES = ("tensorflow", "keras", "jax", "openvino")
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*(?:;.*extra\s*==\s*[\"']([\w.-]+)[\"'].*)?$")


def examine() -> dict:
    """Looks at what is installed and at the machine.

    Returns:
        Values for JSON. None stands for what is absent or not known; sizes are in bytes.

    Raises:
        UserError: sr_tf has no package metadata.
    """
    needed = requirements()
    lacking = missing(needed[""])
    return {
        "sr_tf": __version__,
        "python": platform.python_version(),
        "required": {"missing": lacking, "install": install_required() if lacking else None},
        "extras": {name: _extra(name, needed.get(name, [])) for name in NEEDED_FOR},
        "engines": {name: version_of(name) for name in _ENGINES},
        "nvidia_gpu": _nvidia_gpu(),
        "libraries": _libraries(),
        "cpu_cores": usable_cores(),
        "memory": {"total": _memory("MemTotal"), "available": _memory("MemAvailable")},
        "disk": {"cache": _disk(cache_folder), "temporary": _disk(lambda: Path(tempfile.gettempdir()))},
        "assets": {name: is_cached(name) for name in ASSETS},
        "shipped_generators": len(shipped()),
    }


def problems(report: dict) -> list[str]:
    """What keeps `verify`, `info` and `view` of archives without networks from working; empty if nothing."""
    found = []
    if lacking := report["required"]["missing"]:
        found.append(f"required packages are missing ({', '.join(lacking)}): {install_required()}")
    for name, library in report["libraries"].items():
        if library["error"]:
            found.append(f"{name} cannot be used ({library['error']})")
    if command := report["extras"]["view"]["install"]:
        found.append(f"the extra `view` is not installed: {command}")
    return found


def requirements() -> dict[str, list[tuple[str, str]]]:
    """The packages that sr_tf requires: names and versions by extra, "" for those that are always needed.

    Raises:
        UserError: sr_tf has no package metadata.
    """
    try:
        lines = metadata.requires("sr-tf") or []
    except metadata.PackageNotFoundError as error:
        raise UserError(
            f"sr_tf: is not installed (found no package metadata), expected: {install_required()}"
        ) from error
    needed: dict[str, list[tuple[str, str]]] = {"": []}
    for line in lines:
        if match := _REQUIREMENT.match(line):
            name, versions, extra = match.groups()
            needed.setdefault(extra or "", []).append((name, versions))
    return needed


def missing(packages: list[tuple[str, str]]) -> list[str]:
    """The packages of a list that are not installed, or in another version, in words."""
    found = {name: (version_of(name), versions) for name, versions in packages}
    return [
        name if version is None else f"{name}{versions} (found {version})"
        for name, (version, versions) in found.items()
        if version is None or not fits(version, versions)
    ]


def fits(version: str, versions: str) -> bool:
    """Whether a version is among `==3.15.*` or `>=3.1`, the two forms that setup.cfg has; empty: any."""
    if versions.startswith("=="):
        return f"{version}.".startswith(versions[2:].removesuffix("*"))
    return not versions.startswith(">=") or _numbers(version) >= _numbers(versions[2:])


def version_of(package: str) -> str | None:
    """The version of an installed package, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _extra(name: str, packages: list[tuple[str, str]]) -> dict:
    lacking = missing(packages)
    return {
        "installed": not lacking,
        "missing": lacking,
        "needed_for": NEEDED_FOR[name],
        "install": install_extra(name) if lacking else None,
    }


def _libraries() -> dict[str, dict]:
    def openslide() -> str:
        return importlib.import_module("openslide").__library_version__

    return {
        "OpenSlide": _version(openslide),
        "libavif": _version(avif_version),
        "libjxl": _version(jpegxl_version),
    }


def _version(ask: Callable[[], str]) -> dict:
    try:
        return {"version": ask(), "error": None}
    except (ImportError, OSError, AttributeError, UserError) as error:  # not installed, or it cannot be loaded
        return {"version": None, "error": reason(error)}


def _nvidia_gpu() -> str | None:
    """Where signs of an NVIDIA GPU are seen; None: nowhere."""
    if Path("/proc/driver/nvidia").is_dir():
        return "/proc/driver/nvidia"
    return shutil.which("nvidia-smi")


def _memory(field: str) -> int | None:
    try:
        text = Path("/proc/meminfo").read_text("ascii")
    except OSError:
        return None
    match = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    return 1024 * int(match[1]) if match else None


def _disk(find: Callable[[], Path]) -> dict:
    try:
        folder = find()
        return {"folder": str(folder), "free": free_bytes(folder / "file")}
    except (OSError, RuntimeError):  # no temporary folder that can be written, no home folder
        return {"folder": None, "free": None}
