"""`sr-tf restore --to dicom`: writes an archived slide as a series of DICOM VL Whole Slide Microscopy images."""

import datetime
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.copied_frames import FrameCoding, coding_of, coding_of_copies
from sr_tf.archive.native import JPEG_2000
from sr_tf.archive.restore_plan import UPPER_LEVELS_QUALITY, RestoreOptions
from sr_tf.archive.restored_view import RestoredView, refuse_original
from sr_tf.disk.files import make_folder
from sr_tf.disk.outputs import OVERWRITE, partial_of
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError, unwritable
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.messages import Progress, Steps, tell
from sr_tf.slides.copied_tiles import JpegPage, require_copyable
from sr_tf.slides.dicom_metadata import associated_kind, level_object, make_associated
from sr_tf.slides.dicom_series import is_dicom
from sr_tf.slides.dicom_writer import Jpeg2000, write_image
from sr_tf.slides.jpeg_segments import is_baseline
from sr_tf.slides.pyramid import level_sizes
from sr_tf.slides.pyramid_tiles import Tiles
from sr_tf.slides.tile_codecs import Jpeg

_UNKNOWN = "UNKNOWN"
_AS_MEASURED = RestoreOptions(to="dicom")


def restore_dicom(
    source: Path,
    target: Path,
    models: tuple[str, ...] = (),
    options: RestoreOptions = _AS_MEASURED,
    workers: int = 2,
    engine: str = DEFAULT_ENGINE,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> str:
    """Writes the whole slide into a folder, one file for each level, or resumes an interrupted call.

    JPEG tiles of a lossless archive are the frames of level 0, byte for byte, where they are baseline JPEG; so are JPEG
    2000 tiles unless a quality is given, see `sr_tf.archive.copied_frames`. Other frames are JPEG 2000 without loss, or
    JPEG if a quality is given.

    Args:
        source: the archive's file.
        target: the folder to write.
        models: see `ArchivedSlide`.
        options: its JPEG quality, None: lossless; and its highest magnification. The smaller levels above copied tiles
            are always JPEG.
        workers: number of threads.
        engine: see `ArchivedSlide`.
        overwrite: whether a folder that holds nothing but DICOM files may be replaced.
        progress: see `sr_tf.messages.Steps`; a step is a tile of level 0.

    Returns:
        One line about what was written.

    Raises:
        UserError: the archive cannot be read or states no µm per pixel, a generator cannot be loaded, or the folder
            cannot be written, is the archive's original or may not be replaced.
    """
    check_folder(target, overwrite)
    jpeg_quality = options.jpeg_quality
    with ArchivedSlide(source, models, engine) as slide:
        refuse_original(target, slide)
        view, of_copies = _view(slide, options)
        info, copied = view.info, of_copies is not None
        if info.mpp is None:
            raise UserError(f"{source}: states no µm per pixel, expected an archive that does for --to dicom")
        codec = Jpeg(jpeg_quality or UPPER_LEVELS_QUALITY) if copied or jpeg_quality else Jpeg2000()
        (rows, columns), sizes = view.shape, level_sizes(info.width, info.height)
        codings = [coding_of(codec) for _ in sizes]
        if of_copies is not None:
            codings[0] = of_copies
        settings = {
            "archive": slide.sha256(), "engine": engine, "sr_tf": sr_tf.__version__, "to": "dicom",
            "JPEG quality": jpeg_quality, "copied tiles": copied, "reduction": view.factor,
        }  # fmt: skip
        make_folder(target.parent)
        with Spool(partial_of(target), settings) as spool:
            tiles = Tiles(sizes, view.tile, codec, spool, view.pixels, _frames(view))
            with Steps({"restore": columns * rows}, progress).phase("restore", "tile") as step:
                tiles.finish_all(workers, step)
            _write_folder(view, target, tiles, sizes, codings, str(settings))
            spool.remove()
    if view.page is not None:
        how = f"the original's {view.page.words}"
    else:
        how = f"JPEG {jpeg_quality}" if jpeg_quality else "lossless JPEG 2000"
    return f"{target}: {len(sizes)} levels, {info.width}×{info.height} pixels, {how}"


def _view(slide: ArchivedSlide, options: RestoreOptions) -> tuple[RestoredView, FrameCoding | None]:
    """(what is written, how the frames of level 0 are coded if they are copied)."""
    native = slide.header.native
    # JPEG is made of JPEG 2000 if it is asked for, but not of JPEG, which it would only make worse.
    copies = native is not None and (native.codec != JPEG_2000 or options.jpeg_quality is None)
    view = RestoredView(slide, options.max_magnification, copies)
    coding = coding_of_copies(slide) if view.page else None
    if coding is None:
        view = RestoredView(slide, options.max_magnification, copy=False)
    return view, coding


def check_folder(target: Path, overwrite: bool) -> None:
    """Refuses a folder that would destroy something.

    Raises:
        UserError: it exists and may not be replaced, or is no folder.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UserError(f"{target}: is not a folder, expected the name of a folder for --to dicom")
    if target.is_dir():
        other = next((path for path in sorted(target.iterdir()) if not is_dicom(path)), None)
        if other is not None:
            raise UserError(f"{target}: holds {other.name}, which is not a DICOM file; expected another name")
        if not overwrite:
            raise UserError(f"{target}: exists, expected a new name, or {OVERWRITE} to replace it")


def _write_folder(
    view: RestoredView,
    target: Path,
    tiles: Tiles,
    sizes: list[tuple[int, int]],
    codings: list[FrameCoding],
    identity: str,
) -> None:
    slide = view.slide
    draft, old = (target.with_name(f".{target.name}.{word}") for word in ("new", "old"))
    try:
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir()
        for level, coding in enumerate(codings):
            lengths = [len(frame) for frame in tiles.encoded(level)]
            image = _image(view, level, sizes[level], view.tile, coding, sum(lengths), identity)
            write_image(draft / f"level-{level}.dcm", image, coding.syntax, lengths, lambda at=level: tiles.encoded(at))
        for number, (name, kind) in enumerate(_associated(slide).items(), len(sizes)):
            pixels = slide.associated(name)
            image = _associated_image(view, number, pixels, kind, identity)
            frame = Jpeg2000().encode(pixels)
            write_image(draft / f"{kind.lower()}.dcm", image, Jpeg2000.syntax, [len(frame)], lambda one=frame: [one])
        if target.exists():
            if old.exists():
                shutil.rmtree(old)
            target.rename(old)
        draft.rename(target)
        if old.exists():
            shutil.rmtree(old)
    except OSError as error:
        raise unwritable(target, error) from error


def _associated(slide: ArchivedSlide) -> dict[str, str]:
    """The archive's associated images that DICOM has a word for: name → word, the first of each word."""
    found: dict[str, str] = {}
    for name in slide.header.associated:
        kind = associated_kind(name)
        if kind is None or kind in found.values():
            tell(f"{slide.path}: the image {name} is left out, DICOM has label, overview and thumbnail, one of each")
        else:
            found[name] = kind
    return found


def _associated_image(view: RestoredView, number: int, pixels: np.ndarray, kind: str, identity: str) -> Dataset:
    height, width, _ = pixels.shape
    image = _image(view, number, (width, height), (height, width), coding_of(Jpeg2000()), 0, identity)
    make_associated(image, kind)
    image.SharedFunctionalGroupsSequence[0].WholeSlideMicroscopyImageFrameTypeSequence[0].FrameType = image.ImageType
    return image


def _image(
    view: RestoredView,
    level: int,
    size: tuple[int, int],
    tile: tuple[int, int],
    coding: FrameCoding,
    encoded: int,
    identity: str,
) -> Dataset:
    """The elements of a level's file; what is not known is empty or `UNKNOWN`, as the standard allows."""

    def uid(what: str) -> UID:
        return UID(f"2.25.{int.from_bytes(hashlib.sha256(f'{identity}/{what}'.encode()).digest()[:16])}")

    header = view.slide.header
    exact = header.gate.lossless and coding.method is None
    image = level_object(view.info, level, size, tile, uid, exact)
    image.Manufacturer, image.ManufacturerModelName = "sr_tf", "sr-tf restore"
    image.DeviceSerialNumber, image.SoftwareVersions = _UNKNOWN, sr_tf.__version__
    now = datetime.datetime.now(tz=datetime.UTC)
    image.ContentDate, image.ContentTime = f"{now:%Y%m%d}", f"{now:%H%M%S}"
    image.PositionReferenceIndicator = "SLIDE_CORNER"
    image.ContainerIdentifier, image.IssuerOfTheContainerIdentifierSequence = _UNKNOWN, []
    image.ContainerTypeCodeSequence, image.AcquisitionContextSequence = [], []
    specimen, kind, dimensions = Dataset(), Dataset(), Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = _UNKNOWN, uid("specimen")
    specimen.IssuerOfTheSpecimenIdentifierSequence = specimen.SpecimenPreparationSequence = []
    image.SpecimenDescriptionSequence = [specimen]
    kind.FrameType = image.ImageType
    image.SharedFunctionalGroupsSequence[0].WholeSlideMicroscopyImageFrameTypeSequence = [kind]
    dimensions.DimensionOrganizationUID = uid("dimensions")
    image.DimensionOrganizationSequence = [dimensions]
    image.PhotometricInterpretation = coding.photometric
    if not exact:
        raw = int(image.NumberOfFrames) * image.Rows * image.Columns * 3
        stored = encoded if coding.method else view.slide.path.stat().st_size
        image.LossyImageCompressionRatio = f"{max(1.0, raw / stored):.4g}"
        image.LossyImageCompressionMethod = coding.method or "SR_TF"
    return image


def _frames(view: RestoredView) -> Callable[[int, int], bytes] | None:
    """Gives the frame of (column, row) that is copied; None if no frame is."""
    slide, page = view.slide, view.page
    if not isinstance(page, JpegPage):
        return view.segments

    def frame(column: int, row: int) -> bytes:
        standalone = slide.segment(row, column)
        try:
            require_copyable(page, standalone)
            if not is_baseline(standalone):
                raise ValueError("not a baseline JPEG, as the first one is")
        except ValueError as error:
            raise UserError(f"{slide.path}: segment {column},{row} cannot be copied: {error}") from error
        return standalone

    return frame
