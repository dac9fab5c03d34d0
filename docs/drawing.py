#!/usr/bin/env python3
"""Draws docs/entangled.svg: how the row of one word is rebuilt. Standard library only."""

import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent
CELL = 26
WIDTH, HEIGHT = 900, 400
SENSES = [
    ("river bank", "first", 128, (("land", (0.9, 0.25, 0.5)), ("water", (0.35, 0.95, 0.15)))),
    ("money bank", "second", 272, (("institution", (0.2, 0.8, 0.45)), ("money", (0.85, 0.15, 0.9)))),
]
STYLE = """
text{font:14px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif;fill:#1b1f24}
.paper{fill:#fff}.quiet{fill:#59636e}.box{fill:#f3f5f8;stroke:#b6bec9}.cell{fill:none;stroke:#7b8592}
.arrow{stroke:#59636e;stroke-width:1.5;fill:none;marker-end:url(#head)}.head{fill:#59636e}
.first{fill:#1f6fd6}.second{fill:#d9640b}.word{font-size:17px;font-weight:600}.sign{font-size:24px}
.title{font-weight:600}
@media (prefers-color-scheme:dark){text{fill:#e6e8eb}.paper{fill:#12161c}.quiet{fill:#a2a9b3}
.box{fill:#1c222b;stroke:#4b5563}.cell{stroke:#8b949e}.arrow{stroke:#a2a9b3}.head{fill:#a2a9b3}
.first{fill:#5aa2ff}.second{fill:#fb923c}}
"""


def text(x, y, words, look="", anchor="middle"):
    look = f' class="{look}"' if look else ""
    return f'<text{look} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{words}</text>'


def cells(x, y, columns, layers):
    """Cells from (x, y) on, `columns` a line; each layer (look, values) is painted over the others."""
    out = []
    for look, values in layers:
        for i, value in enumerate(values):
            out.append(f'<rect class="{look}" x="{x + i % columns * CELL:g}" '
                       f'y="{y + i // columns * CELL:g}" width="{CELL}" height="{CELL}" '
                       f'fill-opacity="{value:.2f}"/>')
    for i in range(len(layers[0][1])):
        out.append(f'<rect class="cell" x="{x + i % columns * CELL:g}" '
                   f'y="{y + i // columns * CELL:g}" width="{CELL}" height="{CELL}"/>')
    return "".join(out)


def arrow(x1, y1, x2, y2):
    return f'<path class="arrow" d="M{x1},{y1}L{x2},{y2}"/>'


def draw():
    middle = 200
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           'aria-labelledby="title description"><title id="title">An entangled embedding</title>',
           '<desc id="description">The word bank has two senses; each sense names two sememes; the '
           'Kronecker product of their vectors is a grid of nine numbers; the sum of both grids, read '
           'row by row, is the vector of the word.</desc>',
           f"<style>{STYLE}</style>",
           '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
           'markerHeight="7" orient="auto"><path class="head" d="M0,0L10,5L0,10z"/></marker></defs>',
           f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>']
    for x, head in ((58, "word"), (200, "its senses"), (372, "sememes of a sense"),
                    (563, "Kronecker product"), (698, "sum")):
        out.append(text(x, 40, head, "title"))
    out.append(f'<rect class="box" x="18" y="{middle - 22}" width="80" height="44" rx="6"/>')
    out.append(text(58, middle + 6, "bank", "word"))
    products = []
    for name, look, y, units in SENSES:
        out.append(arrow(100, middle, 142, y))
        out.append(f'<rect class="box" x="146" y="{y - 20}" width="108" height="40" rx="6"/>')
        out.append(text(200, y + 5, name))
        out.append(arrow(258, y, 286, y))
        for k, (unit, values) in enumerate(units):
            x = 292 + k * 106
            out.append(cells(x, y - CELL / 2, 3, [(look, values)]))
            out.append(text(x + 1.5 * CELL, y + 34, unit, "quiet"))
        out.append(text(384, y + 8, "⊗", "sign"))
        out.append(arrow(482, y, 518, y))
        product = [a * b for a in units[0][1] for b in units[1][1]]
        products.append((look, product))
        out.append(cells(524, y - 1.5 * CELL, 3, [(look, product)]))
        out.append(arrow(608, y, 652, middle + (y - middle) * 0.28))
    out.append(cells(659, middle - 1.5 * CELL, 3, products))
    out.append(text(637, middle + 8, "+", "sign"))
    row = 9 * CELL
    left = 900 - row - 20
    out.append(f'<path class="arrow" d="M698,{middle + 46}V{332}"/>')
    out.append(cells(left, 338, 9, products))
    out.append(text(left - 12, 338 + CELL / 2 + 5, "the row of the word:", "title", "end"))
    out.append(text(745, middle - 8, "nine numbers,", "quiet", "start"))
    out.append(text(745, middle + 12, "read row by row", "quiet", "start"))
    out.append(text(20, 386, "Stored: the sememes (shared by all words) and two short numbers a sense. "
                    "Not stored: products, sums, rows.", "quiet", "start"))
    out.append("</svg>\n")
    (FOLDER / "entangled.svg").write_text("\n".join(out), encoding="utf-8")


if __name__ == "__main__":
    draw()
