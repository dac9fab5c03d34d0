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

import svg
from svg import BOTTOM, LEFT, RIGHT, TOP

DOCS = pathlib.Path(__file__).resolve().parent
METHODS = DOCS / "data" / "glove20000.json"
QUANTIZERS = DOCS / "quantizers" / "glove20000.json"
COMMAND = ("see sweep data/glove.npy --first 20000 --methods trellis,svd,int8,int4 --ratios RATIOS "
           "-o sweep.html --json SWEEP.json")

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
        self.x = svg.logarithmic((dense / MOST_RATIO, dense / LEAST_RATIO), (LEFT, RIGHT))
        self.y = svg.logarithmic((LEAST_ERROR, MOST_ERROR), (BOTTOM, TOP))

    def shows(self, point):
        size, error = point
        return (1 / MOST_RATIO <= size / self.dense <= 1 / LEAST_RATIO and
                LEAST_ERROR <= error <= MOST_ERROR)


def draw():
    methods, series = read_series()
    axes = Axes(4 * methods["rows"] * methods["dim"])
    css = svg.style(SERIES, ".trellis.line{stroke-width:3}"
                            ".bound.line{stroke-width:1.8;stroke-dasharray:6 4}")
    out = svg.frame('Relative error against bytes',
                    'Of the first 20,000 words of GloVe, 100 numbers each: see compress errs less than '
                    'the quantizers of FAISS, int4 and SVD at every size; int8, 4 times smaller, errs '
                    'half as much as see compress there.',
                    'Error against size: GloVe, first 20,000 words of 100 numbers',
                    'relative error, Σ|x − y|² / Σ|x|², of files in which every byte counts; lower is '
                    'better', css)
    for power in range(-4, 1):
        y = axes.y(10.0 ** power)
        label = f"{10.0 ** power:g}" if power > -4 else "0.0001"
        out.append(svg.rung(y, label))
    for ratio in (80, 40, 20, 10, 5):
        size = axes.dense / ratio
        x = axes.x(size)
        label = f"{size / 1e3:g} KB" if size < 1e6 else f"{size / 1e6:g} MB"
        out.append(svg.column(x, label, f"{ratio} times smaller"))
    out += svg.base("bytes of the file, without the words")
    for name, _, _, _, kind in reversed(SERIES):
        places = [(axes.x(size), axes.y(error)) for size, error in series[name]
                  if axes.shows((size, error))]
        if len(places) > 1:
            out.append(svg.line(name, places))
        if kind:
            out += [svg.marker(kind, x, y, name) for x, y in places]
    for size, error in series["trellis"]:
        ratio = axes.dense / size
        if min(abs(ratio - shown) for shown in (10, 20, 40, 80)) < 0.1:
            out.append(f'<text class="small strong" x="{axes.x(size) - 5:.1f}" '
                       f'y="{axes.y(error) + 20:.1f}" text-anchor="end">{error:.2g}</text>')
    out += svg.legend(SERIES, "trellis")
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
