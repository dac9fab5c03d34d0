#!/usr/bin/env python3
"""Draws docs/translation.svg: BLEU against bytes of the tables, beside the teacher's.

    python3 docs/plot_translation.py [CSV [SVG]]     # docs/data/translation.csv, docs/translation.svg

The numbers are those that examples/translate/compare.sh leaves in OUT/results.csv. Standard library only.
Points are means over seeds; of several orders of a method at one ratio the best is drawn. Bars are 95%
intervals of the difference to the teacher, over sentences."""

import csv
import pathlib
import statistics
import sys

import svg
from svg import BOTTOM, LEFT, RIGHT, TOP

DOCS = pathlib.Path(__file__).resolve().parent
RATIOS = (80, 40, 20, 10)
MOST_RATIO, LEAST_RATIO = 250, 7  # the ends of the x axis, in times smaller than float32; left of 80, the legend

# method, label, light colour, dark colour, marker
SERIES = [
    ("trellis", "trellis codes", "#1f6fd6", "#5aa2ff", "circle"),
    ("induced", "learned sememes", "#15803d", "#4ade80", "square"),
    ("senses_coded", "senses with codes", "#b91c1c", "#f87171", "square"),
    ("senses_coded_random", "other words' senses with codes", "#b91c1c", "#f87171", "cross"),
    ("senses", "senses of WordNet, morphemes", "#c2410c", "#fb923c", "diamond"),
    ("senses_random", "senses, units at random", "#c2410c", "#fb923c", "cross"),
    ("senses_cut", "words cut at random", "#c2410c", "#fb923c", "plus"),
    ("random", "sememes at random", "#15803d", "#4ade80", "cross"),
    ("low_rank", "low rank", "#854d0e", "#d4a24c", "down"),
    ("tt", "tensor train", "#7e22ce", "#c084fc", "triangle"),
    ("word2ket", "word2ket", "#be185d", "#f472b6", "plus"),
    ("word2ketxs", "word2ketXS", "#be185d", "#f472b6", "diamond"),
    ("morphte", "MorphTE", "#0f766e", "#2dd4bf", "triangle"),
]


def read_results(path):
    """The teacher's BLEU, and of each method (ratio, BLEU, low, high) by ratio."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    teacher = next(float(row["bleu"]) for row in rows if row["method"] == "dense")
    runs = {}  # seeds of one method, order and ratio
    for row in rows:
        if row["method"] != "dense":
            key = row["method"], round(float(row["bytes"])), row["order"]
            runs.setdefault(key, []).append([float(row[name]) for name in ("bytes", "bleu", "low", "high")])
    best = {}  # of several orders
    for (method, ratio, _), seeds in runs.items():
        point = tuple(statistics.fmean(column) for column in zip(*seeds))
        known = best.get((method, ratio))
        if known is None or point[1] > known[1]:
            best[method, ratio] = point
    series = {}
    for (method, _), point in sorted(best.items()):
        series.setdefault(method, []).append(point)
    unknown = series.keys() - {name for name, *_ in SERIES}
    if unknown:
        raise SystemExit(f"{path}: no look for {', '.join(sorted(unknown))}, needed in SERIES")
    return teacher, series


def draw(source, target):
    teacher, series = read_results(source)
    shown = [look for look in SERIES if look[0] in series]
    lows = [teacher + low for points in series.values() for _, _, low, _ in points]
    highs = [teacher + high for points in series.values() for *_, high in points]
    step = 1 if max(highs) - min(lows) < 8 else 2 if max(highs) - min(lows) < 16 else 5
    least = (int(min(lows)) // step - 2) * step  # room for the legend
    most = int(max(highs + [teacher])) // step * step + step
    x = svg.logarithmic((1 / MOST_RATIO, 1 / LEAST_RATIO), (LEFT, RIGHT))
    y = svg.linear((least, most), (BOTTOM, TOP))
    out = svg.frame("BLEU against bytes of tables",
                    "English to German on Multi30k: translators whose word tables are compressed, then "
                    "distilled, beside the teacher with dense tables.",
                    "BLEU against size of the word tables: Multi30k, English to German",
                    "students with compressed tables, distilled; bars are 95% intervals; higher is better",
                    svg.style(SERIES, ".teacher{stroke-width:1.8;stroke-dasharray:6 4}"))
    out += [svg.rung(y(bleu), str(bleu)) for bleu in range(least, most + 1, step)]
    out += [svg.column(x(1 / ratio), f"1/{ratio}", f"{ratio} times smaller") for ratio in RATIOS]
    out += svg.base("bytes of both tables, of those as float32")
    out.append(f'<line class="axis teacher" x1="{LEFT}" x2="{RIGHT}" y1="{y(teacher):.1f}" y2="{y(teacher):.1f}"/>'
               f'<text class="small strong" x="{LEFT + 8}" y="{y(teacher) - 6:.1f}">the teacher, dense: '
               f'{teacher:.2f}</text>')
    for number, (name, *_, kind) in reversed(list(enumerate(shown))):
        aside = 5 * (number - (len(shown) - 1) / 2)  # bars of one ratio beside each other
        places = [(x(1 / ratio) + aside, y(bleu)) for ratio, bleu, _, _ in series[name]]
        if len(places) > 1:
            out.append(svg.line(name, places))
        for (across, up), (_, _, low, high) in zip(places, series[name]):
            out.append(svg.line(name, [(across, y(teacher + low)), (across, y(teacher + high))]))
            out.append(svg.marker(kind, across, up, name))
    out += svg.legend(shown, "")
    out.append("</svg>\n")
    pathlib.Path(target).write_text("\n".join(out), encoding="utf-8")


if __name__ == "__main__":
    given = sys.argv[1:]
    draw(given[0] if given else DOCS / "data" / "translation.csv",
         given[1] if len(given) > 1 else DOCS / "translation.svg")
