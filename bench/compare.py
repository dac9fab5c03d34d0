#!/usr/bin/env python3
"""Prints the files of Google Benchmark in a folder as one Markdown table of ratios.

    python3 bench/compare.py FOLDER

A time is the least of a benchmark's repetitions: of processor time for one thread, of elapsed time
where threads are compared. "Noise" is the worse of both sides' median over least."""

import glob
import json
import os
import statistics
import sys


class Runs:
    """All repetitions of all benchmarks of all files, by program and name."""

    def __init__(self, folder):
        self.runs = {}
        self.context = {}
        for path in sorted(glob.glob(os.path.join(folder, "bench_*.json"))):
            program = os.path.basename(path)[len("bench_"):-len(".json")]
            with open(path, encoding="utf-8") as file:
                try:
                    content = json.load(file)
                except json.JSONDecodeError:
                    sys.exit(f"{path} is no whole file of Google Benchmark: did the program fail?")
            self.context[program] = content["context"]
            for run in content["benchmarks"]:
                if run.get("run_type") != "iteration":
                    continue
                if run.get("error_occurred"):
                    sys.exit(f"{path}: {run['name']}: {run.get('error_message')}")
                name = run["run_name"].removesuffix("/real_time")
                self.runs.setdefault((program, name), []).append(run)
        if not self.runs:
            sys.exit(f"no bench_*.json in {folder}: run bench/compare.sh")

    def has(self, program, name):
        return (program, name) in self.runs

    def times(self, program, name, clock):
        """Nanoseconds an item of each repetition."""
        unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
        runs = self.runs[program, name]
        # The rate is by the processor's or by the elapsed time; their quotient gives the items.
        items = []
        for run in runs:
            used = run["real_time" if run["name"].endswith("/real_time") else "cpu_time"]
            items.append(run["items_per_second"] * used * unit[run["time_unit"]] / 1e9)
        return [run[clock] * unit[run["time_unit"]] / n for run, n in zip(runs, items)]

    def least(self, program, name, clock="cpu_time"):
        return min(self.times(program, name, clock))

    def noise(self, program, name, clock="cpu_time"):
        times = self.times(program, name, clock)
        return statistics.median(times) / min(times)

    def counter(self, program, name, counter):
        """The counter of the fastest repetition."""
        return min(self.runs[program, name], key=lambda run: run["cpu_time"])[counter]


class Table:
    """The lines of the comparison; a line whose benchmarks did not run says so."""

    def __init__(self, runs):
        self.runs = runs
        self.lines = []
        self.short = self.met = self.missing = self.invalid = 0

    def section(self, title, add_lines):
        """Lines under a title; where none of them could be measured, one line says so."""
        first, missing = len(self.lines), self.missing
        add_lines(self)
        if self.missing - missing == len(self.lines) - first:
            del self.lines[first:]
            self.missing = missing + 1
            self.lines.append(f"| **{title}** | | | not measured | | |")
        else:
            self.lines.insert(first, f"| **{title}** | | | | | |")

    def ratio(self, what, over, under, target=None, at_most=False, clock="cpu_time", note=""):
        """The time of `over` divided by the time of `under`, each (program, benchmark)."""
        if not (self.runs.has(*over) and self.runs.has(*under)):
            return self.absent(what, target, at_most)
        left, right = self.runs.least(*over, clock), self.runs.least(*under, clock)
        noise = max(self.runs.noise(*over, clock), self.runs.noise(*under, clock))
        text = f"{duration(left)} / {duration(right)}{note}"
        self.add(what, left / right, target, at_most, text, f"{noise:.2f}")

    def value(self, what, run, counter, target=None, at_most=False):
        if not self.runs.has(*run):
            return self.absent(what, target, at_most)
        self.add(what, self.runs.counter(*run, counter), target, at_most,
                 duration(self.runs.least(*run)), f"{self.runs.noise(*run):.2f}",
                 share=counter == "of_peak")

    def bytes(self, what, over, under, target=None, at_most=True):
        if not (self.runs.has(*over) and self.runs.has(*under)):
            return self.absent(what, target, at_most)
        left, right = (self.runs.counter(*run, "bytes") for run in (over, under))
        self.add(what, left / right, target, at_most,
                 f"{left / 2**20:.1f} / {right / 2**20:.1f} MiB", "")

    def add(self, what, ratio, target, at_most, text, noise, share=False):
        verdict = ""
        if share and ratio > 1.05:
            self.invalid += 1
            verdict = "**not valid**: above the peak, which was measured too low"
        elif target is not None:
            met = ratio <= target if at_most else ratio >= target
            self.met += met
            self.short += not met
            verdict = "met" if met else "**falls short**"
        self.lines.append(f"| {what} | {ratio:.3g} | {bound(target, at_most)} | {verdict} | {text} "
                          f"| {noise} |")

    def absent(self, what, target, at_most):
        self.missing += 1
        self.lines.append(f"| {what} | | {bound(target, at_most)} | not measured | | |")

    def print(self):
        print("| what | ratio | target | | of | noise |\n| --- | --- | --- | --- | --- | --- |")
        print("\n".join(self.lines))
        print(f"\n{self.met} targets met, {self.short} fall short, {self.missing} lines not measured, "
              f"{self.invalid} not valid.")


def bound(target, at_most):
    return "" if target is None else f"{'at most' if at_most else 'at least'} {target}"


def duration(nanoseconds):
    """Of one item."""
    for unit, size in (("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def lookup(name, threads=1, output="16384_rows"):
    return "lookup", f"d512/{name}/{output}/{threads}_thread{'s' if threads > 1 else ''}"


FORMS = [(f"{form}_{units}_units", f"{text}, {units:,} units")
         for form, text in (("one_sense_m7", "one sense, m=7"),
                            ("seven_senses_m1", "seven senses, m=1"))
         for units in (2000, 20000)]


def gather(table):
    far = lookup("dense_1000000_rows")
    for form, text in FORMS:
        table.ratio(f"{text}, 16,384-row output / copy of dense rows of 1,000,000", lookup(form), far,
                    0.25, True)
    for form, text in FORMS:
        table.value(f"{text}, 64-row block: share of peak multiply-adds",
                    lookup(form, output="64_row_block"), "of_peak", 0.5)
    for form, text in FORMS:
        table.ratio(f"{text}, 64-row block / the same of dense rows of 1,000,000",
                    lookup(form, output="64_row_block"), lookup(far[1].split("/")[1],
                                                                output="64_row_block"))
    table.ratio("stores alone (memset) / copy of dense rows of 1,000,000", lookup("stores"), far)
    table.ratio("non-temporal stores / copy of dense rows of 1,000,000",
                lookup("non_temporal_stores"), far)
    table.ratio("non-temporal stores / one sense, m=7, 2,000 units", lookup("non_temporal_stores"),
                lookup(FORMS[0][0]))
    table.ratio("dense 1,000,000 by Eigen's table(ids, all) / by memcpy",
                lookup("dense_1000000_rows_by_eigen"), far)
    for place in ("in_l3", "in_l2"):
        table.ratio(f"one sense, m=7, 2,000 units / copy from a dense table {place[3:].upper()} holds",
                    lookup(FORMS[0][0]), lookup(f"dense_{place}"))


def torch(table):

    def pair(what, stage, name, rows=16384, target=None):
        table.ratio(what, ("peers_torch", f"{stage}/torch/{name}/{rows}_rows"),
                    ("peers_torch", f"{stage}/see/{name}/{rows}_rows"), target)

    for units in (2000, 20000):
        pair(f"MorphTE, {units:,} units, 16,384 rows", "forward", f"morphte_{units}_units", target=100)
    pair("MorphTE, 2,000 units, 1,024 rows", "forward", "morphte_2000_units", 1024)
    pair("MorphTE, 2,000 units, 16,384 rows, forward and backward", "training", "morphte_2000_units")
    pair("word2ket, 16,384 rows", "forward", "word2ket")
    pair("word2ket, 1,024 rows", "forward", "word2ket", 1024)
    pair("word2ket, 16,384 rows, forward and backward", "training", "word2ket")
    pair("nn::Embedding / DenseEmbedding, 32,000 words, 16,384 rows", "forward", "dense")
    table.ratio("nn::Embedding / ours of one sense, m=7, 2,000 units, 16,384 rows",
                ("peers_torch", "forward/torch/dense/16384_rows"),
                ("peers_torch", "forward/see/morphte_2000_units/16384_rows"))


def logits(table):
    dense = ("score", "logits/dense")
    table.ratio("rank 4, order 2", dense, ("score", "logits/rank_4/1_thread"), 10)
    for place, size in (("l2", "1 MB, in L2"), ("l3", "64 MB, in L3")):
        table.ratio(f"rank 4, order 2, beside a dense table of {size}",
                    ("score", f"logits/dense_in_{place}"),
                    ("score", f"logits/rank_4_in_{place}/1_thread"))
    table.ratio("induced at ratio 20", dense, ("score", "logits/induced_20x/1_thread"), 2)
    table.ratio("induced at ratio 20, with a rotation", dense,
                ("score", "logits/induced_20x_axes/1_thread"))


def faiss(table):
    axes = None
    for kind in ("pq", "opq"):
        ours = ("peers_faiss", f"decode/see_at_bytes_of_{kind}")
        if table.runs.has(*ours):
            axes = bool(table.runs.counter(*ours, "axes"))
        what = {True: "with", False: "without", None: "with or without"}[axes] + " a rotation"
        wanted = axes is None or axes == (kind == "opq")
        table.ratio(f"decode d=100, {kind.upper()} / see {what}",
                    ("peers_faiss", f"decode/faiss_{kind}"), ours, 1 if wanted else None)
        table.bytes(f"bytes, see / {kind.upper()}", ours, ("peers_faiss", f"decode/faiss_{kind}"))
        for who, run in ((kind.upper(), ("peers_faiss", f"decode/faiss_{kind}")),
                         (f"see at the bytes of {kind.upper()}", ours)):
            table.value(f"relative error of {who}", run, "error")
        table.ratio(f"top 10 of 20,000 by inner product, {kind.upper()} / see",
                    ("peers_faiss", f"top_10/faiss_{kind}"),
                    ("peers_faiss", f"top_10/see_at_bytes_of_{kind}"))
    table.ratio("decode d=1024, PQ of 256 bytes / 128 terms", ("peers_faiss", "decode_d1024/faiss_pq"),
                ("peers_faiss", "decode_d1024/see"))
    table.ratio("decode d=1024, PQ of 256 bytes / trellis code of 256 bytes", ("peers_faiss", "decode_d1024/faiss_pq"),
                ("peers_faiss", "decode_d1024/see_trellis"))


def training(table):
    for form, text in (("1_sense_m7", "one sense, m=7"), ("7_senses_m1", "seven senses, m=1"),
                       ("7_senses_m1_gains", "seven senses, m=1, with gains")):
        table.ratio(text, ("backward", f"backward_entangled_{form}/1_thread"),
                    ("backward", f"forward_entangled_{form}/1_thread"), 3, True)


def threads(table):
    clock = "real_time"
    for form, text in FORMS[0], FORMS[2]:
        for output in ("16384_rows", "64_row_block"):
            table.ratio(f"gather, {text}, {output.replace('_', ' ')}", lookup(form, 1, output),
                        lookup(form, 2, output), 1.8, clock=clock)
    for form, text in (("1_sense_m7", "one sense, m=7"), ("7_senses_m1", "seven senses, m=1")):
        table.ratio(f"backward, {text}", ("backward", f"backward_entangled_{form}/1_thread"),
                    ("backward", f"backward_entangled_{form}/2_threads"), 1.8, clock=clock)
    for form, text in (("rank_4", "rank 4"), ("induced_20x", "induced at ratio 20")):
        table.ratio(f"logits, {text}", ("score", f"logits/{form}/1_thread"),
                    ("score", f"logits/{form}/2_threads"), 1.8, clock=clock)
    table.ratio("for scale: copy of dense rows of 1,000,000", lookup("dense_1000000_rows", 1),
                lookup("dense_1000000_rows", 2), clock=clock)


def precisions(table):
    for precision in ("f16", "bf16", "i8"):
        target = None if precision == "bf16" else 1.3
        for output in ("16384_rows", "64_row_block"):
            table.ratio(f"{precision}, one sense, m=7, 2,000 units, {output.replace('_', ' ')}",
                        lookup(f"one_sense_m7_2000_units_{precision}", 1, output),
                        lookup("one_sense_m7_2000_units", 1, output), target, True)


def neighbors(table):
    for queries in ("1_query", "64_queries"):
        dense = ("score", f"top_10/dense/{queries}")
        for way, text, target in (("cosine", "cosine, without rows (CosineSearch)", 1),
                                  ("scorer", "inner product, without rows (Scorer::top_k)", None),
                                  ("nearest", "cosine, rows in blocks (nearest)", None)):
            table.ratio(f"{queries.replace('_', ' ')}, {text}", ("score", f"top_10/{way}/{queries}"),
                        dense, target, True)
    for way, target in (("cosine", 0.1), ("nearest", None)):
        for queries in ("1_query", "64_queries"):
            table.bytes(f"memory, {way}, {queries.replace('_', ' ')}", ("score", f"top_10/{way}/{queries}"),
                        ("score", f"top_10/dense/{queries}"), target)


SECTIONS = [
    ("Gather, d=512, order 3, 7 products a word, 32,000 words, 1 thread; a row", gather),
    ("LibTorch: time of its sequence of operations / time of ours, 1 thread; a row", torch),
    ("Logits of one hidden state, 128,000 words, d=1024: dense GEMV / ours, 1 thread; a word", logits),
    ("FAISS at equal bytes: time of FAISS / time of ours, 1 thread; a row or a query", faiss),
    ("Backward / forward, d=512, order 3, 2,000 units, 4,096 rows, 1 thread; a row", training),
    ("One thread / two, elapsed time", threads),
    ("Factors in fewer bits / fp32, 1 thread; a row", precisions),
    ("Top 10 of 341,479 words, d=100: ours / dense scan, 1 thread; a word", neighbors),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    runs = Runs(sys.argv[1])
    context = runs.context.get("lookup") or next(iter(runs.context.values()))
    load = ", ".join(f"{x:.1f}" for x in context.get("load_avg", [])) or "unknown"
    print(f"{context['date'][:10]}, {context['num_cpus']} processors, load at the start {load} (more "
          "than 0.5 or so: others were at work, trust nothing to better than the noise).")
    for name in ("peak, float", "read", "copy", "stream", "last cache", "bandwidths over"):
        if name in context:
            print(f"- {name}: {context[name]}")
    peaks = {program: float(context["peak, float"].split()[0])
             for program, context in runs.context.items() if "peak, float" in context}
    if peaks and min(peaks.values()) < 0.8 * max(peaks.values()):
        print("- **The programs disagree on the peak**, so shares of it mean nothing: "
              + ", ".join(f"{program} {peak}" for program, peak in peaks.items()))
    print()
    table = Table(runs)
    for title, add_lines in SECTIONS:
        table.section(title, add_lines)
    table.print()


if __name__ == "__main__":
    main()
