"""What the plots of docs/ share: the frame, scales, markers, and the look in light and dark."""

import math

WIDTH, HEIGHT = 860, 580
LEFT, RIGHT, TOP, BOTTOM = 76, 838, 64, 506


def logarithmic(ends, places):
    """A scale: the place of a number between `ends`, at the first and second of `places`."""
    low, high = (math.log(end) for end in ends)
    return lambda value: places[0] + (math.log(value) - low) / (high - low) * (places[1] - places[0])


def linear(ends, places):
    low, high = ends
    return lambda value: places[0] + (value - low) / (high - low) * (places[1] - places[0])


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



def line(name, places):
    path = "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<path class="line {name}" d="M{path}"/>'


def style(series, more):
    """`series`: name, label, light colour, dark colour, marker of each; `more`: rules of one plot."""
    rules = []
    for dark in (False, True):
        ink, quiet, grid, paper = (("#e6e8eb", "#a2a9b3", "#2c333d", "#12161c") if dark else
                                   ("#1b1f24", "#59636e", "#e3e6ea", "#ffffff"))
        css = [f".paper{{fill:{paper}}}", f"text{{fill:{ink}}}", f".quiet{{fill:{quiet}}}",
               f".grid{{stroke:{grid}}}", f".axis{{stroke:{quiet}}}"]
        css += [f".{name}{{color:{pair[dark]}}}" for name, _, *pair, _ in series]
        text = "".join(css)
        rules.append(f"@media (prefers-color-scheme:dark){{{text}}}" if dark else text)
    return ("text{font:14px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif}"
            ".title{font-size:17px;font-weight:600}.strong{font-weight:600}.small{font-size:12.5px}"
            ".fill{fill:currentColor}.stroke{stroke:currentColor;stroke-width:2.4;fill:none}"
            ".line{stroke:currentColor;stroke-width:1.6;fill:none}" + more + "".join(rules))


def frame(title, description, heading, explained, css):
    """The first lines of a plot, before what lies within its frame."""
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            'aria-labelledby="title description">',
            f'<title id="title">{title}</title>',
            f'<desc id="description">{description}</desc>',
            f"<style>{css}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
            f'<text class="title" x="{LEFT}" y="28">{heading}</text>',
            f'<text class="quiet" x="{LEFT}" y="49">{explained}</text>']


def rung(y, label):
    """A horizontal line of the grid and its label."""
    return (f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="quiet" x="{LEFT - 10}" y="{y + 5:.1f}" text-anchor="end">{label}</text>')


def column(x, label, below):
    """A vertical line of the grid and its two labels."""
    return (f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
            f'<text x="{x:.1f}" y="{BOTTOM + 22}" text-anchor="middle">{label}</text>'
            f'<text class="quiet small" x="{x:.1f}" y="{BOTTOM + 39}" text-anchor="middle">'
            f'{below}</text>')


def base(label):
    """The horizontal axis and what it counts."""
    return [f'<text class="quiet" x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 12}" '
            f'text-anchor="middle">{label}</text>',
            f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>']


def legend(series, strong):
    """A line for each series, from the bottom up; that of `strong` stands out."""
    out = []
    y = BOTTOM - 22 * len(series) - 2
    for name, label, _, _, kind in series:
        x = LEFT + 22
        if kind not in ("cross", "plus"):
            out.append(f'<path class="line {name}" d="M{x},{y}h30"/>')
        if kind:
            out.append(marker(kind, x + 15, y, name))
        weight = ' class="strong"' if name == strong else ""
        out.append(f'<text{weight} x="{x + 40}" y="{y + 5}">{label}</text>')
        y += 22
    return out
