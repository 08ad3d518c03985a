"""Boxes and arrows as SVG: text stays text, colours are those of the page, and it has words for who hears it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_LINE = 19  # height of a line of text
_PAD = 11


@dataclass(frozen=True)
class Box:
    """A box with wrapped text; `css` is its kind."""

    x: int
    y: int
    width: int
    text: str
    css: str

    @property
    def lines(self) -> list[str]:
        """Its text, wrapped at its width."""
        return textwrap.wrap(self.text, max(8, int(self.width / 7.4)))

    @property
    def height(self) -> int:
        """As high as its text."""
        return len(self.lines) * _LINE + 2 * _PAD

    @property
    def bottom(self) -> int:
        """Where it ends."""
        return self.y + self.height

    @property
    def middle(self) -> int:
        """Half way across."""
        return self.x + self.width // 2

    def draw(self) -> str:
        """The rectangle and its lines of text."""
        rows = "".join(
            f'<tspan x="{self.middle}" y="{self.y + _PAD + 14 + row * _LINE}">{escape(line)}</tspan>'
            for row, line in enumerate(self.lines)
        )
        rectangle = f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="6"/>'
        return f'<g class="{self.css}">{rectangle}<text text-anchor="middle">{rows}</text></g>'


@dataclass
class Drawing:
    """A picture that grows; `id` tells it apart from others on the page."""

    id: str
    title: str
    description: str
    width: int
    parts: list[str] = field(default_factory=list)
    bottom: int = 0

    def box(self, box: Box) -> Box:
        """Add a box."""
        self.parts.append(box.draw())
        self.bottom = max(self.bottom, box.bottom)
        return box

    def arrow(self, points: list[tuple[int, int]], word: str = "", at: tuple[int, int] = (0, 0)) -> None:
        """Add an arrow along points, with a word beside it."""
        path = " L ".join(f"{x} {y}" for x, y in points)
        self.parts.append(f'<path class="dg-arrow" d="M {path}" marker-end="url(#{self.id}-tip)"/>')
        if word:
            self.parts.append(f'<text class="dg-word" x="{at[0]}" y="{at[1]}">{escape(word)}</text>')

    def down(self, box: Box, to: int, word: str) -> None:
        """Add an arrow from the bottom of a box straight down."""
        self.arrow([(box.middle, box.bottom), (box.middle, to - 2)], word, (box.middle + 8, box.bottom + 22))

    def html(self) -> str:
        """The figure."""
        tip = (
            f'<marker id="{self.id}-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
            ' orient="auto-start-reverse"><path class="dg-tip" d="M 0 0 L 10 5 L 0 10 z"/></marker>'
        )
        return (
            f'<figure class="dg"><svg role="img" aria-labelledby="{self.id}-title {self.id}-desc"'
            f' viewBox="0 0 {self.width} {self.bottom + 4}" style="max-width: {self.width}px">'
            f'<title id="{self.id}-title">{escape(self.title)}</title>'
            f'<desc id="{self.id}-desc">{escape(self.description)}</desc>'
            f"<defs>{tip}</defs>{''.join(self.parts)}</svg></figure>\n"
        )
