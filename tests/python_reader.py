#!/usr/bin/env python3
"""Decodes model files by docs/format.md alone and compares with `see expand` and `see info`.

usage: python_reader.py PATH-OF-SEE        (needs the standard library only)
"""
import ast
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

NUMBERS = {"F64": "d", "F32": "f", "F16": "e", "I32": "i", "I64": "q", "U8": "B"}


def check(condition, *message):
    if not condition:
        sys.exit("python_reader.py: " + " ".join(map(str, message)))


def bits_for(count):
    """ceil(log2(count)): the bits that tell `count` values apart."""
    return max(0, count - 1).bit_length()


class Bits:
    """Bit p of the sequence is bit p % 8 of byte p / 8; the first bit of a field is its lowest."""

    def __init__(self, data, bits):
        check(len(data) == ((bits + 7) // 8 + 8 if bits else 0), len(data), "bytes for", bits, "bits")
        self.number = int.from_bytes(bytes(data), "little")

    def field(self, position, bits):
        return self.number >> position & ((1 << bits) - 1)


class Model:
    """The parts of docs/format.md, as lists of numbers."""

    def __init__(self, path):
        self.data = open(path, "rb").read()
        (length,) = struct.unpack_from("<Q", self.data)
        header = json.loads(self.data[8 : 8 + length].decode("utf-8"))
        self.metadata = header.pop("__metadata__")
        self.tensors = header
        self.start = 8 + length
        check(self.start % 8 == 0, "the numbers begin at byte", self.start)
        self.check_layout()
        self.check_checksum()
        check(self.metadata["format"] == "see", "format", self.metadata["format"])
        check(self.metadata["format_version"] == "1", "version", self.metadata["format_version"])

        self.words = int(self.metadata["words"])
        self.dim = int(self.metadata["dim"])
        self.factor_dims = [int(q) for q in self.metadata["factor_dims"].split("x")]
        self.order = int(self.metadata["order"])
        self.width = int(self.metadata["width"])
        self.inventories = []
        while "inventory.%d" % len(self.inventories) in self.tensors:
            name = "inventory.%d" % len(self.inventories)
            self.inventories.append((self.tensors[name]["shape"], self.values(name)))
        slots = [int(i) for i in self.metadata["slots"].split(",")]
        self.slots = [slots[i : i + self.order] for i in range(0, len(slots), self.order)]
        self.read_ranks()
        self.read_index()
        self.gains = self.values("gains")
        self.scale_table = self.values("word_scale.table")
        if self.scale_table:
            self.scale_bits = bits_for(len(self.scale_table))
            self.scale_index = Bits(self.values("word_scale.index"), self.words * self.scale_bits)
        self.mean = self.values("basis.mean")
        self.axes = self.values("basis.axes")

    def check_layout(self):
        end = 0
        for name, tensor in sorted(self.tensors.items(), key=lambda t: t[1]["data_offsets"]):
            begin, stop = tensor["data_offsets"]
            size = struct.calcsize(NUMBERS[tensor["dtype"]])
            for extent in tensor["shape"]:
                size *= extent
            check(begin == end and stop - begin == size, name, "lies at", begin, "to", stop)
            end = stop
        check(self.start + end == len(self.data), "the numbers end at", end)

    def check_checksum(self):
        text = self.metadata["checksum"]
        check(text.startswith("crc32:") and len(text) == 14, "checksum", text)
        place = self.data.find(text.encode())
        check(0 < place and self.data.find(text.encode(), place + 1) < 0, "one checksum in the header")
        zeroed = self.data[: place + 6] + b"00000000" + self.data[place + 14 :]
        check("%08x" % zlib.crc32(zeroed) == text[6:], "the checksum is", zlib.crc32(zeroed))

    def values(self, name):
        """The numbers of a tensor; none where it is not there."""
        if name not in self.tensors:
            return []
        tensor = self.tensors[name]
        begin, end = (self.start + offset for offset in tensor["data_offsets"])
        kind = NUMBERS[tensor["dtype"]]
        return struct.unpack("<%d%s" % ((end - begin) // struct.calcsize(kind), kind), self.data[begin:end])

    def read_ranks(self):
        if "rank" in self.metadata:
            self.ranks = [int(self.metadata["rank"])] * self.words
            return
        bits = int(self.metadata["rank_bits"])
        packed = Bits(self.values("lexicon.ranks"), self.words * bits)
        self.ranks = [packed.field(w * bits, bits) for w in range(self.words)]

    def read_index(self):
        """units[w][s]: the units of sense s of word w, slot 1 first."""
        check(self.metadata["index"] == "stored", "index", self.metadata["index"])
        widths = [
            bits_for(max(self.inventories[row[j]][0][0] for row in self.slots))
            for j in range(self.order)
        ]
        packed = Bits(self.values("lexicon.index"), sum(self.ranks) * sum(widths))
        position = 0
        self.units = []
        for rank in self.ranks:
            senses = []
            for _ in range(rank):
                sense = []
                for bits in widths:
                    sense.append(packed.field(position, bits))
                    position += bits
                senses.append(sense)
            self.units.append(senses)

    def gain(self, first_sense, sense):
        scope = self.metadata["gain_scope"]
        if scope == "none":
            return 1.0
        return self.gains[sense if scope == "term" else first_sense + sense]

    def rows(self):
        """h_w * sum_s g_s * sum_i u_1 (x) ... (x) u_o, cut to the width, times the axes, plus mean."""
        first_sense = 0
        for word in range(self.words):
            total = [0.0] * self.width
            for sense, units in enumerate(self.units[word]):
                slots = self.slots[min(sense, len(self.slots) - 1)]
                gain = self.gain(first_sense, sense)
                for i in range(self.inventories[slots[0]][0][1]):
                    product = [gain]
                    for slot, unit in zip(slots, units):
                        (size, rank, dim), values = self.inventories[slot]
                        check(unit < size, "word", word, "names unit", unit)
                        at = (unit * rank + i) * dim
                        product = [a * b for a in product for b in values[at : at + dim]]
                    for k in range(self.width):
                        total[k] += product[k]
            first_sense += self.ranks[word]
            if self.scale_table:
                scale = self.scale_table[self.scale_index.field(word * self.scale_bits, self.scale_bits)]
                total = [scale * x for x in total]
            if self.axes:
                axes = [self.axes[k * self.dim : (k + 1) * self.dim] for k in range(self.width)]
                total = [sum(x * a[c] for x, a in zip(total, axes)) for c in range(self.dim)]
            if self.mean:
                total = [x + m for x, m in zip(total, self.mean)]
            yield total

    def vocabulary(self):
        blob = bytes(self.values("vocabulary.blob"))
        offsets = self.values("vocabulary.offsets")
        return [blob[a:b].decode("utf-8") for a, b in zip(offsets, offsets[1:])]

    def share(self, *prefixes):
        """Bytes of the tensors whose names begin so."""
        return sum(
            tensor["data_offsets"][1] - tensor["data_offsets"][0]
            for name, tensor in self.tensors.items()
            if name.startswith(prefixes)
        )


def read_npy(path):
    data = open(path, "rb").read()
    check(data[:8] == b"\x93NUMPY\x01\x00", "no .npy of version 1")
    (length,) = struct.unpack_from("<H", data, 8)
    header = ast.literal_eval(data[10 : 10 + length].decode("ascii"))
    check(header["descr"] == "<f4" and header["fortran_order"] is False, "npy header", header)
    rows, dim = header["shape"]
    numbers = struct.unpack("<%df" % (rows * dim), data[10 + length :])
    return [numbers[r * dim : (r + 1) * dim] for r in range(rows)]


def make_table(path, rows, dim):
    """Rows in groups that share parts, and a mean that is not zero."""
    state = [20240229]

    def random():
        state[0] = state[0] * 16807 % 2147483647
        return 2 * state[0] / 2147483647 - 1

    parts = [[random() for _ in range(dim)] for _ in range(37)]
    words = ["w%d" % w for w in range(rows - 1)] + ["caf\u00e9"]
    with open(path, "w", encoding="utf-8") as out:
        for w, word in enumerate(words):
            row = [parts[w % 12][c] + parts[12 + w % 25][c] / 2 + random() / 8 for c in range(dim)]
            out.write(word + "".join(" %.5f" % (x + (c % 3) / 2) for c, x in enumerate(row)) + "\n")
    return words


def check_rows(model, table):
    check(len(table) == model.words and len(table[0]) == model.dim, "the size of the table")
    worst = 0.0
    for mine, row in zip(model.rows(), table):
        largest = max(1.0, max(map(abs, row)))
        worst = max(worst, max(abs(a - b) for a, b in zip(mine, row)) / largest)
    check(worst < 1e-6, "rows differ by", worst)
    return worst


def check_info(model, info):
    vocabulary = model.share("vocabulary.")
    total = len(model.data) - vocabulary
    needed = {
        "words": model.words,
        "dim": model.dim,
        "order": len(model.factor_dims),
        "factor_dims": model.factor_dims,
        "units": sum(shape[0] for shape, _ in model.inventories),
        "rank_min": min(model.ranks),
        "rank_max": max(model.ranks),
        "vocabulary_bytes": vocabulary,
        "method": model.metadata["fit.method"],
        "seed": int(model.metadata["fit.seed"]),
        "status": model.metadata["fit.status"],
        "relative_error": float(model.metadata["fit.relative_error"]),
        "mean_cosine": float(model.metadata["fit.mean_cosine"]),
        "seconds": float(model.metadata["fit.seconds"]),
        "bytes": {
            "factors": model.share("inventory."),
            "index": model.share("lexicon."),
            "gains": model.share("gains", "word_scale."),
            "basis": model.share("basis.", "layer_norm."),
            "residual": 0,
            "header": model.start,
            "total": total,
        },
    }
    for key, value in needed.items():
        check(info[key] == value, "info has", key, info[key], "needed", value)
    check(abs(info["rank_mean"] - sum(model.ranks) / model.words) < 1e-9, "rank_mean")
    check(abs(info["ratio"] - 4 * model.words * model.dim / total) < 1e-9, "ratio")


def check_relative_error(model, path, table):
    """The error noted in the file is that of the decoded rows."""
    error = energy = 0.0
    for line, row in zip(open(path, encoding="utf-8"), table):
        for a, b in zip(map(float, line.split()[1:]), row):
            error += (a - b) ** 2
            energy += a * a
    noted = float(model.metadata["fit.relative_error"])
    check(abs(error / energy - noted) < 2e-5, "relative error", error / energy, "noted", noted)


def try_model(see, dim, *size):
    words = make_table("t.txt", 240, dim)
    subprocess.run([see, "compress", "t.txt", "-o", "m.safetensors", *size], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([see, "expand", "m.safetensors", "-o", "m.npy"], check=True)
    info = subprocess.run([see, "info", "m.safetensors", "--json"], check=True, stdout=subprocess.PIPE).stdout
    model = Model("m.safetensors")
    check(model.vocabulary() == words, "the vocabulary differs")
    check(open("m.words.txt", encoding="utf-8").read().split("\n") == words + [""], "m.words.txt")
    table = read_npy("m.npy")
    worst = check_rows(model, table)
    check_info(model, json.loads(info))
    check_relative_error(model, "t.txt", table)
    parts = sorted(name for name in model.tensors if not name.startswith("vocabulary"))
    print("%s: rank %d, %s; rows agree to %.1e" % (" ".join(size), max(model.ranks), " ".join(parts), worst))


def main():
    check(len(sys.argv) == 2, __doc__)
    see = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try_model(see, 16, "--ratio", "2")
        try_model(see, 18, "--bytes", "4500")
        try_model(see, 13, "--ratio", "3.5")
        os.chdir("/")
    print("ok")


if __name__ == "__main__":
    main()
