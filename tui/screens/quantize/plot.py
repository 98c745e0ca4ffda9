"""A quantization run as lines of text, for commands: the verdict, a row for each method, and the noise of each layer."""

from __future__ import annotations

from gradtop.trainer.record import RunReader, clean
from gradtop.tui.ascii import to_ascii
from gradtop.tui.framework.lines import TextLine, wrapped
from gradtop.tui.screens.quantize.data import quantize_part
from gradtop.tui.screens.quantize.text import method_remarks, method_row, noise_lines, quantize_head


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:  # noqa: ARG001 - the bars have one colour
    """At most `height` layers of each method, in the order of the model."""
    part = quantize_part(reader)
    title = f"{clean(reader.meta.name or reader.run.id, 80)}  loss, size and speed by method"
    if not part.trials:
        return f"{title}\nnothing to plot: nothing was measured"
    lines: list[TextLine] = wrapped([(part.verdict, "text")], width) if part.verdict else []
    lines += [*quantize_head(part, width), *(method_row(part, each, width, cursor=False) for each in part.trials)]
    # What is said of all methods is said once; an error stands in its row.
    remarks = dict.fromkeys(remark for each in part.trials if not each.error for remark in method_remarks(part, each, width))
    lines += [row for remark in remarks for row in wrapped([(" ", "text"), (remark, "text")], width)]
    block = "▆" if unicode else "#"
    for each in part.trials:
        if each.layers:
            lines += [[], [(f"signal to quantization noise of outputs by layer, {each.method}", "text")]]
            lines += noise_lines(each, 0, width, height, outputs=True, block=block)
    whole = "\n".join((title, *("".join(words for words, _ in line).rstrip() for line in lines)))
    return whole if unicode else to_ascii(whole)
