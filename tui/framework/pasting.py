"""What is pasted is text: Textual (8.2) takes what follows an escape in it for keys that were pressed."""

from __future__ import annotations

START, END = "\x1b[200~", "\x1b[201~"


class Pasting:
    """Follows what comes from the terminal, in pieces of any size; `open` says that a paste has begun and not ended."""

    def __init__(self) -> None:
        self.open = False
        self._before = ""  # the end of what came before, in which a mark may have begun
        self._held = ""

    def plain(self, text: str) -> str:
        """The text, without the escapes of what is pasted. What may be the beginning of the end of a paste comes with the next piece."""
        text, self._held = self._held + text, ""
        parts: list[str] = []
        while text:
            if self.open:
                inside, end, text = text.partition(END)
                self.open = not end
                if self.open:
                    self._held = next((END[:size] for size in range(len(END) - 1, 0, -1) if inside.endswith(END[:size])), "")
                    inside = inside.removesuffix(self._held)
                parts += inside.replace("\x1b", ""), end
                self._before = ""
            else:
                whole = self._before + text
                found = whole.find(START)
                self.open = found >= 0
                taken = found + len(START) - len(self._before) if self.open else len(text)
                parts.append(text[:taken])
                self._before, text = whole[-len(START) + 1 :], text[taken:]
        return "".join(parts)

    def end(self) -> str:
        """The end of a paste, where it was lost."""
        self._held = ""
        return self.plain(END)
