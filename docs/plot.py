#!/usr/bin/env python3
"""Draws docs/error.svg: relative error against bytes for GloVe's first 20,000 words.

    python3 docs/plot.py                     # from the numbers in docs/
    python3 docs/plot.py --sweep FILE...     # takes new numbers of `see sweep --json` first

Standard library only. The quantizers of FAISS are those of docs/quantizers/glove20000.json: of each,
at each ratio, the setting of least error beside the Gaussian reference, as in docs/quantizers.md."""

import argparse
import datetime
import json
import math
import pathlib

DOCS = pathlib.Path(__file__).resolve().parent
METHODS = DOCS / "data" / "glove20000.json"
QUANTIZERS = DOCS / "quantizers" / "glove20000.json"
COMMAND = ("see sweep data/glove.npy --first 20000 --methods trellis,svd,int8,int4 --ratios RATIOS "
           "-o sweep.html --json SWEEP.json")

WIDTH, HEIGHT = 860, 580
LEFT, RIGHT, TOP, BOTTOM = 76, 838, 64, 506
MOST_RATIO, LEAST_RATIO = 100, 3.4  # the ends of the x axis, in times smaller than float32
LEAST_ERROR, MOST_ERROR = 2.5e-5, 1.0

# name, label, light colour, dark colour, marker
SERIES = [
    ("trellis", "see compress", "#1f6fd6", "#5aa2ff", "circle"),
    ("bound", "Gaussian reference", "#6b7280", "#9aa3af", None),
    ("opq", "FAISS OPQ", "#c2410c", "#fb923c", "square"),
    ("pq", "FAISS PQ", "#15803d", "#4ade80", "diamond"),
    ("rq", "FAISS RQ", "#7e22ce", "#c084fc", "triangle"),
    ("int4", "int4", "#be185d", "#f472b6", "cross"),
    ("int8", "int8", "#be185d", "#f472b6", "plus"),
    ("svd", "SVD", "#854d0e", "#d4a24c", "down"),
]


def take_sweeps(paths):
    """Keeps what is drawn of the JSON of `see sweep`, of one run or of several on one table."""
    sweeps = [json.loads(pathlib.Path(path).read_text(encoding="utf-8")) for path in paths]
    models = [model for sweep in sweeps for model in sweep["models"]]
    points = [{"method": model["method"], "bytes": model["bytes"]["total"],
               "relative_error": round(model["relative_error"], 7),
               "mean_cosine": round(model["mean_cosine"], 6),
               "gaussian_reference": round(model["rate_distortion_bound"], 7)}
              for model in models if not model["failure"]]
    points.sort(key=lambda point: (point["method"], point["bytes"]))
    ratios = sorted({model["ratio_wanted"] for model in models if model["ratio_wanted"]})
    head = {"date": datetime.date.today().isoformat(),
            "command": COMMAND.replace("RATIOS", ",".join(f"{ratio:g}" for ratio in ratios)),
            "rows": sweeps[0]["words"], "dim": sweeps[0]["dim"]}
    lines = ",\n".join("  " + json.dumps(point) for point in points)
    METHODS.parent.mkdir(exist_ok=True)
    METHODS.write_text(json.dumps(head, indent=1)[:-2] + ',\n "models": [\n' + lines + "\n ]\n}\n",
                       encoding="utf-8")


def bound_at(bound, size):
    """The Gaussian reference at `size` bytes, between the sizes at which it is known."""
    for (low, low_error), (high, high_error) in zip(bound, bound[1:]):
        if low <= size <= high:
            share = (size - low) / (high - low)  # its logarithm is near linear in bytes
            return low_error * (high_error / low_error) ** share
    return math.nan


def read_series():
    """The head of the numbers, and of each method its (bytes, error) by bytes."""
    methods = json.loads(METHODS.read_text(encoding="utf-8"))
    series = {name: [] for name, *_ in SERIES}
    for model in methods["models"]:
        series[model["method"]].append((model["bytes"], model["relative_error"]))
        if model["method"] == "trellis":
            series["bound"].append((model["bytes"], model["gaussian_reference"]))
    for points in series.values():
        points.sort()
    best = {}
    for model in json.loads(QUANTIZERS.read_text(encoding="utf-8"))["faiss"]:
        size, error = model["bytes"], model["relative_error"]
        key = model["method"], model["ratio"]
        excess = error / bound_at(series["bound"], size)
        best[key] = min(best.get(key, (math.inf,)), (excess, size, error))
    for (name, _), (_, size, error) in sorted(best.items(), reverse=True):
        series[name].append((size, error))
    return methods, series


class Axes:
    def __init__(self, dense):
        self.dense = dense
        self.x_ends = math.log(dense / MOST_RATIO), math.log(dense / LEAST_RATIO)
        self.y_ends = math.log(LEAST_ERROR), math.log(MOST_ERROR)

    def x(self, size):
        low, high = self.x_ends
        return LEFT + (math.log(size) - low) / (high - low) * (RIGHT - LEFT)

    def y(self, error):
        low, high = self.y_ends
        return BOTTOM - (math.log(error) - low) / (high - low) * (BOTTOM - TOP)

    def shows(self, point):
        size, error = point
        low, high = self.x_ends
        return low <= math.log(size) <= high and LEAST_ERROR <= error <= MOST_ERROR


def marker(kind, x, y, name):
    shapes = {
        "circle": "M{0},{1}m-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
        "square": "M{0},{1}m-3.5,-3.5h7v7h-7z",
        "diamond": "M{0},{1}m0,-4.8l4.8,4.8l-4.8,4.8l-4.8,-4.8z",
        "triangle": "M{0},{1}m0,-4.6l4.6,8h-9.2z",
        "down": "M{0},{1}m0,4.6l4.6,-8h-9.2z",
        "cross": "M{0},{1}m-4.5,-4.5l9,9m0,-9l-9,9",
        "plus": "M{0},{1}m0,-5.5v11m-5.5,-5.5h11",
    }
    look = "stroke" if kind in ("cross", "plus") else "fill"
    return f'<path class="{look} {name}" d="{shapes[kind].format(round(x, 1), round(y, 1))}"/>'


def style():
    rules = []
    for dark in (False, True):
        ink, quiet, grid, paper = (("#e6e8eb", "#a2a9b3", "#2c333d", "#12161c") if dark else
                                   ("#1b1f24", "#59636e", "#e3e6ea", "#ffffff"))
        css = [f".paper{{fill:{paper}}}", f"text{{fill:{ink}}}", f".quiet{{fill:{quiet}}}",
               f".grid{{stroke:{grid}}}", f".axis{{stroke:{quiet}}}"]
        css += [f".{name}{{color:{pair[dark]}}}" for name, _, *pair, _ in SERIES]
        text = "".join(css)
        rules.append(f"@media (prefers-color-scheme:dark){{{text}}}" if dark else text)
    return ("text{font:14px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif}"
            ".title{font-size:17px;font-weight:600}.strong{font-weight:600}.small{font-size:12.5px}"
            ".fill{fill:currentColor}.stroke{stroke:currentColor;stroke-width:2.4;fill:none}"
            ".line{stroke:currentColor;stroke-width:1.6;fill:none}.trellis.line{stroke-width:3}"
            ".bound.line{stroke-width:1.8;stroke-dasharray:6 4}" + "".join(rules))


def draw():
    methods, series = read_series()
    axes = Axes(4 * methods["rows"] * methods["dim"])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           'aria-labelledby="title description">',
           '<title id="title">Relative error against bytes</title>',
           '<desc id="description">Of the first 20,000 words of GloVe, 100 numbers each: see compress '
           'errs less than the quantizers of FAISS, int4 and SVD at every size; int8, 4 times smaller, '
           'errs half as much as see compress there.</desc>',
           f"<style>{style()}</style>",
           f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
           f'<text class="title" x="{LEFT}" y="28">Error against size: GloVe, first 20,000 words of '
           '100 numbers</text>',
           f'<text class="quiet" x="{LEFT}" y="49">relative error, Σ|x − y|² / Σ|x|², of files in '
           'which every byte counts; lower is better</text>']
    for power in range(-4, 1):
        y = axes.y(10.0 ** power)
        label = f"{10.0 ** power:g}" if power > -4 else "0.0001"
        out.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                   f'<text class="quiet" x="{LEFT - 10}" y="{y + 5:.1f}" text-anchor="end">{label}'
                   '</text>')
    for ratio in (80, 40, 20, 10, 5):
        size = axes.dense / ratio
        x = axes.x(size)
        label = f"{size / 1e3:g} KB" if size < 1e6 else f"{size / 1e6:g} MB"
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
                   f'<text x="{x:.1f}" y="{BOTTOM + 22}" text-anchor="middle">{label}</text>'
                   f'<text class="quiet small" x="{x:.1f}" y="{BOTTOM + 39}" text-anchor="middle">'
                   f'{ratio} times smaller</text>')
    out.append(f'<text class="quiet" x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 12}" '
               'text-anchor="middle">bytes of the file, without the words</text>')
    out.append(f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>')
    for name, _, _, _, kind in reversed(SERIES):
        places = [(axes.x(size), axes.y(error)) for size, error in series[name]
                  if axes.shows((size, error))]
        if len(places) > 1:
            path = "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
            out.append(f'<path class="line {name}" d="M{path}"/>')
        if kind:
            out += [marker(kind, x, y, name) for x, y in places]
    for size, error in series["trellis"]:
        ratio = axes.dense / size
        if min(abs(ratio - shown) for shown in (10, 20, 40, 80)) < 0.1:
            out.append(f'<text class="small strong" x="{axes.x(size) - 5:.1f}" '
                       f'y="{axes.y(error) + 20:.1f}" text-anchor="end">{error:.2g}</text>')
    y = BOTTOM - 22 * len(SERIES) - 2
    for name, label, _, _, kind in SERIES:
        x = LEFT + 22
        if kind not in ("cross", "plus"):
            out.append(f'<path class="line {name}" d="M{x},{y}h30"/>')
        if kind:
            out.append(marker(kind, x + 15, y, name))
        strong = ' class="strong"' if name == "trellis" else ""
        out.append(f'<text{strong} x="{x + 40}" y="{y + 5}">{label}</text>')
        y += 22
    out.append("</svg>\n")
    (DOCS / "error.svg").write_text("\n".join(out), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sweep", nargs="+", metavar="FILE", help="numbers of `see sweep --json` to take over")
    arguments = parser.parse_args()
    if arguments.sweep:
        take_sweeps(arguments.sweep)
    draw()


if __name__ == "__main__":
    main()
