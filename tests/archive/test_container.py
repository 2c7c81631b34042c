"""Writing an archive's file."""

import gc
import sys

from sr_tf.archive.container import Writer


def test_an_unfinished_archive_is_dropped_without_a_message(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(sys, "unraisablehook", messages.append)
    writer = Writer(tmp_path / "a.zip")
    writer._zip.fp.close()  # as after an error of the disk: nothing can be written any more
    del writer
    gc.collect()
    assert messages == []
