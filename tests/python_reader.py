#!/usr/bin/env python3
"""Decodes model files by docs/format.md alone and compares with `see expand` and `see info`: files
that `see compress` wrote, and files of random numbers that this script writes itself.

usage: python_reader.py PATH-OF-SEE        (needs the standard library only)
"""
import ast
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import zlib

NUMBERS = {"F64": "d", "F32": "f", "F16": "e", "I32": "i", "I64": "q", "U8": "B", "I8": "b"}


def check(condition, *message):
    if not condition:
        sys.exit("python_reader.py: " + " ".join(map(str, message)))


def bits_for(count):
    """ceil(log2(count)): the bits that tell `count` values apart."""
    return max(0, count - 1).bit_length()


def float32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def upper_half(number):
    """A float32 whose low 16 bits are rounded away."""
    (bits,) = struct.unpack("<I", struct.pack("<f", number))
    return struct.unpack("<f", struct.pack("<I", (bits + 0x8000 & 0xFFFFFFFF) >> 16 << 16))[0]


class Bits:
    """Bit p of the sequence is bit p % 8 of byte p / 8; the first bit of a field is its lowest."""

    def __init__(self, data, bits):
        check(len(data) == ((bits + 7) // 8 + 8 if bits else 0), len(data), "bytes for", bits, "bits")
        self.number = int.from_bytes(bytes(data), "little")

    def field(self, position, bits):
        return self.number >> position & ((1 << bits) - 1)


def trellis_table(window_bits):
    """Normal quantiles in the order of docs/format.md."""

    def flip(number):
        number = number + 0x9E3779B97F4A7C15 & (1 << 64) - 1
        number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
        number = (number ^ number >> 27) * 0x94D049BB133111EB & (1 << 64) - 1
        return (number ^ number >> 31) & 1

    size = 1 << window_bits
    normal = statistics.NormalDist()
    table = []
    for window in range(size):
        place = 0
        for digit in range(window_bits):
            bit = window_bits - 1 - digit
            below = window & (1 << bit) - 1
            place = 2 * place + (window >> bit & 1 ^ flip(64 * below + digit))
        table.append(float32(normal.inv_cdf((place + 0.5) / size)))
    return table


class TrellisCodes:
    """Trellis codes of rows of `width` numbers; `prefix` and `note` begin the names of what holds them."""

    MULTIPLIERS = (1, 0x9E5, 0x6A7, 0xC2D)

    def __init__(self, model, prefix, note):
        self.width = width = model.width
        classes = int(model.metadata[note + "classes"])
        self.window_bits = int(model.metadata[note + "window_bits"])
        self.table = trellis_table(self.window_bits)
        id_bits = bits_for(classes)
        ids = Bits(model.values(prefix + "row_classes"), model.words * id_bits)
        self.ids = [ids.field(w * id_bits, id_bits) for w in range(model.words)]
        rates = Bits(model.values(prefix + "rates"), classes * width * 4)
        sigmas, means = model.values(prefix + "sigmas"), model.values(prefix + "means")
        mean_scales = model.values(prefix + "mean_scales")
        (sigma_scale,) = model.values(prefix + "sigma_scale")
        check(len(sigmas) == len(means) == classes * width, "deviations and means")
        check(len(mean_scales) == classes, "mean scales")
        self.sizes, self.entries = [], []
        for c in range(classes):
            offset, first_rate, column, entries = None, 0, 0, []
            for t in range(width):
                at = c * width + t
                mean, sigma = mean_scales[c] * means[at], 0.0
                if sigmas[at]:
                    rate = rates.field(4 * at, 4)
                    column = column + 1 if offset is not None and rate == 0 else 0
                    if offset is None:
                        offset, first_rate = 0, rate
                    else:
                        offset += rate
                    sigma = upper_half(sigma_scale * 2 ** ((sigmas[at] - 255) / 32))
                entries.append((mean, sigma, offset, column))
            self.entries.append(entries)
            self.sizes.append((offset or 0) + first_rate)
        self.starts = [0]
        for c in self.ids:
            self.starts.append(self.starts[-1] + self.sizes[c])
        self.codes = Bits(model.values(prefix + "codes"), self.starts[-1])

    def row(self, word):
        c = self.ids[word]
        size = self.sizes[c]
        circle = self.codes.field(self.starts[word], size)
        numbers = []
        for mean, sigma, offset, column in self.entries[c]:
            if sigma:
                window = sum((circle >> (offset + i) % size & 1) << i for i in range(self.window_bits))
                mean += sigma * self.table[window * self.MULTIPLIERS[column] % len(self.table)]
            numbers.append(mean)
        return numbers


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
        newer = "I8" in [tensor["dtype"] for tensor in header.values()] or "residual.codes" in header
        version = "3" if "codes" in self.metadata else "12"[newer]
        check(self.metadata["format_version"] == version, "version", self.metadata["format_version"])

        self.words = int(self.metadata["words"])
        self.dim = int(self.metadata["dim"])
        self.width = int(self.metadata.get("width", self.dim))
        self.inventories = []
        self.terms = "factor_dims" in self.metadata
        if self.terms:
            self.read_terms()
        else:
            self.ranks, self.units, self.scale_table = [0] * self.words, [[]] * self.words, []
        self.mean = self.values("basis.mean")
        self.axes = self.values("basis.axes")
        if "basis.axes.scales" in self.tensors:
            scales = self.values("basis.axes.scales")
            self.axes = [x * scales[i // self.dim] for i, x in enumerate(self.axes)]
        self.codes = None
        if "codes" in self.metadata:
            check(self.metadata["codes"] == "trellis", "codes", self.metadata["codes"])
            self.codes = TrellisCodes(self, "codes.", "codes.")
        elif "residual_classes" in self.metadata:
            self.codes = TrellisCodes(self, "residual.", "residual_")

    def read_terms(self):
        self.factor_dims = [int(q) for q in self.metadata["factor_dims"].split("x")]
        self.order = int(self.metadata["order"])
        while "inventory.%d" % len(self.inventories) in self.tensors:
            name = "inventory.%d" % len(self.inventories)
            self.inventories.append((self.tensors[name]["shape"], self.units_of(name)))
        slots = [int(i) for i in self.metadata["slots"].split(",")]
        self.slots = [slots[i : i + self.order] for i in range(0, len(slots), self.order)]
        self.read_ranks()
        self.read_index()
        self.gains = self.values("gains")
        self.scale_table = self.values("word_scale.table")
        if self.scale_table:
            self.scale_bits = bits_for(len(self.scale_table))
            self.scale_index = Bits(self.values("word_scale.index"), self.words * self.scale_bits)

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

    def units_of(self, name):
        """The numbers of an inventory: those of I8 times their block's scale."""
        values = self.values(name)
        if self.tensors[name]["dtype"] != "I8":
            return values
        size, rank, dim = self.tensors[name]["shape"]
        length, scales = rank * dim, self.values(name + ".scales")
        blocks = (length + 31) // 32
        check(self.tensors[name + ".scales"]["shape"] == [size, blocks], "the scales of", name)
        return [x * scales[i // length * blocks + i % length // 32] for i, x in enumerate(values)]

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
        """LayerNorm(mean + (h_w * sum_s g_s * sum_i u_1 (x) ... (x) u_o, cut to the width, + r) * axes)."""
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
            if self.codes:
                total = [x + r for x, r in zip(total, self.codes.row(word))]
            if self.axes:
                axes = [self.axes[k * self.dim : (k + 1) * self.dim] for k in range(self.width)]
                total = [sum(x * a[c] for x, a in zip(total, axes)) for c in range(self.dim)]
            if self.mean:
                total = [x + m for x, m in zip(total, self.mean)]
            if "layer_norm.weight" in self.tensors:
                total = self.normalized(total)
            if self.metadata.get("padding_idx") == str(word):
                total = [0.0] * self.dim
            yield total

    def normalized(self, row):
        mean = sum(row) / len(row)
        variance = sum((x - mean) ** 2 for x in row) / len(row)
        inverse = (variance + float(self.metadata["layer_norm.epsilon"])) ** -0.5
        weight, bias = self.values("layer_norm.weight"), self.values("layer_norm.bias")
        return [(x - mean) * inverse * a + b for x, a, b in zip(row, weight, bias)]

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


def shares(model):
    return {
        "factors": model.share("inventory."),
        "index": model.share("lexicon."),
        "gains": model.share("gains", "word_scale."),
        "basis": model.share("basis.", "layer_norm."),
        "codes": model.share("residual.", "codes."),
        "knowledge": model.share("knowledge."),
        "header": model.start,
        "total": len(model.data) - model.share("vocabulary."),
    }


def check_info(model, info):
    vocabulary = model.share("vocabulary.")
    total = len(model.data) - vocabulary
    needed = {
        "words": model.words,
        "dim": model.dim,
        "order": len(model.factor_dims) if model.terms else None,
        "factor_dims": model.factor_dims if model.terms else None,
        "units": sum(shape[0] for shape, _ in model.inventories) if model.terms else None,
        "rank_min": min(model.ranks) if model.terms else None,
        "rank_max": max(model.ranks) if model.terms else None,
        "coder": "trellis" if model.codes else None,
        "vocabulary_bytes": vocabulary,
        "method": model.metadata["fit.method"],
        "seed": int(model.metadata["fit.seed"]) if "fit.seed" in model.metadata else None,
        "relative_error": float(model.metadata["fit.relative_error"]),
        "mean_cosine": float(model.metadata["fit.mean_cosine"]),
        "bytes": shares(model),
    }
    for key, value in needed.items():
        check(info[key] == value, "info has", key, info[key], "needed", value)
    if model.terms:
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


class RandomModel:
    """Writes a model of random numbers, of all that the keyword arguments name."""

    def __init__(self, words, dims, width, most_senses, seed, **parts):
        self.random = random.Random(seed)
        self.tensors, self.words, self.width = {}, words, width
        dim = parts.get("dim", width)
        self.metadata = {
            "format": "see",
            "format_version": "2",
            "checksum": "crc32:00000000",
            "words": str(words),
            "dim": str(dim),
            "order": str(len(dims)),
            "factor_dims": "x".join(map(str, dims)),
            "width": str(width),
            "gain_scope": "sense" if most_senses else "none",
            "slots": ",".join(map(str, range(len(dims)))),
            "index": "stored",
        }
        units, vectors = [5 + 3 * j for j in range(len(dims))], 12
        for j, (size, q) in enumerate(zip(units, dims)):
            name, blocks = "inventory.%d" % j, (vectors * q + 31) // 32
            self.add(name, "I8", [size, vectors, q], lambda: self.random.randint(-127, 127))
            self.add(name + ".scales", "F16", [size, blocks], lambda: self.random.random() / 64)
        if most_senses:
            ranks = [self.random.randint(0, most_senses) for _ in range(words)]
            rank_bits = bits_for(most_senses + 1)
            self.metadata["rank_bits"] = str(rank_bits)
            self.pack("lexicon.ranks", [(rank, rank_bits) for rank in ranks])
            sense = [(n, bits_for(n)) for n in units]
            self.pack("lexicon.index", [(self.random.randrange(n), b) for _ in range(sum(ranks)) for n, b in sense])
            self.add("gains", "F16", [sum(ranks)])
        else:
            self.metadata["rank"] = "0"
        if "scales" in parts:
            self.add("word_scale.table", "F32", [4])
            self.pack("word_scale.index", [(self.random.randrange(4), 2) for _ in range(words)])
        if "dim" in parts:
            self.add("basis.axes", "F32", [width, dim])
            self.add("basis.mean", "F32", [dim])
        if "epsilon" in parts:
            self.metadata["layer_norm.epsilon"] = parts["epsilon"]
            self.add("layer_norm.weight", "F32", [dim])
            self.add("layer_norm.bias", "F32", [dim])
        if "padding" in parts:
            self.metadata["padding_idx"] = parts["padding"]
        if "classes" in parts:
            self.add_residual(parts["classes"], parts["window_bits"])

    def add_residual(self, classes, window_bits):
        """Class 0 has means alone, class 1 fewer bits than a window, the others all rates."""
        self.metadata["residual_classes"] = str(classes)
        self.metadata["residual_window_bits"] = str(window_bits)
        rates, sigmas, sizes = [], [], []
        for c in range(classes):
            coded, shared, size = 0, 0, 0
            for _ in range(self.width):
                rate, sigma = 0, 0
                if c > 1 and self.random.random() < 0.8 or c == 1 and coded < 2:
                    rate = self.random.randint(0 if coded and shared < 4 else 1, 8 if c > 1 else 3)
                    shared = shared + 1 if coded and rate == 0 else 1
                    sigma, coded, size = self.random.randint(1, 255), coded + 1, size + rate
                rates.append((rate, 4))
                sigmas.append(sigma)
            sizes.append(size)
        if classes > 1:
            check(0 < sizes[1] < window_bits, "a class of fewer bits than a window")
        ids = [w % classes for w in range(self.words)]
        self.pack("residual.row_classes", [(c, bits_for(classes)) for c in ids])
        self.pack("residual.rates", rates)
        self.put("residual.sigmas", "U8", [len(sigmas)], sigmas)
        self.add("residual.means", "I8", [len(sigmas)], lambda: self.random.randint(-127, 127))
        self.add("residual.mean_scales", "F32", [classes], lambda: self.random.random() / 64)
        self.add("residual.sigma_scale", "F32", [1])
        self.pack("residual.codes", [(self.random.getrandbits(sizes[c]) if sizes[c] else 0, sizes[c]) for c in ids])

    def add(self, name, dtype, shape, draw=None):
        count = 1
        for extent in shape:
            count *= extent
        self.put(name, dtype, shape, [(draw or (lambda: self.random.uniform(-1, 1)))() for _ in range(count)])

    def put(self, name, dtype, shape, values):
        self.tensors[name] = (dtype, shape, struct.pack("<%d%s" % (len(values), NUMBERS[dtype]), *values))

    def pack(self, name, fields):
        number = size = 0
        for value, bits in fields:
            number |= value << size
            size += bits
        data = number.to_bytes((size + 7) // 8 + 8, "little") if size else b""
        self.put(name, "U8", [len(data)], data)

    def write(self, path):
        header, numbers = {"__metadata__": self.metadata}, b""
        by_element = lambda item: -struct.calcsize(NUMBERS[item[1][0]])
        for name, (dtype, shape, data) in sorted(self.tensors.items(), key=by_element):
            header[name] = {
                "dtype": dtype,
                "shape": shape,
                "data_offsets": [len(numbers), len(numbers) + len(data)],
            }
            numbers += data
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        whole = struct.pack("<Q", len(text)) + text + numbers
        place = whole.find(b"crc32:00000000") + 6
        with open(path, "wb") as out:
            out.write(whole[:place] + b"%08x" % zlib.crc32(whole) + whole[place + 8 :])


def try_random_model(see, *size, **parts):
    RandomModel(*size, **parts).write("r.safetensors")
    subprocess.run([see, "expand", "r.safetensors", "-o", "r.npy"], check=True)
    info = subprocess.run([see, "info", "r.safetensors", "--json"], check=True, stdout=subprocess.PIPE).stdout
    model = Model("r.safetensors")
    worst = check_rows(model, read_npy("r.npy"))
    check(json.loads(info)["bytes"] == shares(model), "info has bytes", json.loads(info)["bytes"])
    print("random numbers: %s; rows agree to %.1e" % (" ".join(sorted(model.tensors)), worst))


def main():
    check(len(sys.argv) == 2, __doc__)
    see = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for method in "induced", "trellis":
            try_model(see, 16, "--ratio", "2", "--method", method)
            try_model(see, 18, "--bytes", "4500", "--method", method)
            try_model(see, 13, "--ratio", "3.5", "--method", method)
        try_random_model(see, 40, [3, 4], 11, 3, 1)
        try_random_model(see, 40, [3, 4], 11, 3, 2, scales=4, dim=7, padding="5", classes=5, window_bits=11)
        try_random_model(see, 40, [20], 20, 0, 3, classes=3, window_bits=8, epsilon="1e-05")
        try_random_model(see, 30, [2, 3, 4], 21, 2, 4, classes=4, window_bits=16, epsilon="0.5", padding="0")
        try_random_model(see, 9, [37], 37, 0, 5, classes=1, window_bits=12)
        os.chdir("/")
    print("ok")


if __name__ == "__main__":
    main()
