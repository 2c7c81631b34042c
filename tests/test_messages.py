"""Tables as text and as Markdown."""

from sr_tf.messages import markdown_table, text_table

ROWS = [["", "PSNR (dB) ↑", "SSIM"], ["bicubic", "36.27", "0.927"], ["m3", "∞", "–"]]


def test_a_text_table_aligns_the_first_column_left_and_the_others_right():
    assert text_table(ROWS) == (
        "         PSNR (dB) ↑   SSIM\n"
        "bicubic        36.27  0.927\n"
        "m3                 ∞      –"
    )  # fmt: skip


def test_a_markdown_table_has_the_same_alignment():
    assert markdown_table(ROWS) == (
        "|  | PSNR (dB) ↑ | SSIM |\n| --- | ---: | ---: |\n| bicubic | 36.27 | 0.927 |\n| m3 | ∞ | – |"
    )


def test_a_table_may_have_one_column_or_headings_only():
    assert text_table([["method"], ["m1"]]) == "method\nm1    "
    assert markdown_table([["method"], ["m1"]]) == "| method |\n| --- |\n| m1 |"
    assert text_table([["method", "PSNR"]]) == "method  PSNR"
