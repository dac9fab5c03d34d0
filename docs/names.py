#!/usr/bin/env python3
"""Fails where namespace see has a name that docs/api.md does not list.

    python3 docs/names.py

What a program may not rely on belongs in see::detail or another inner namespace. cmake/umbrella.sh --check calls it. It reads
the headers as text: comments, literals, preprocessor lines and what stands in braces or parentheses
are skipped, and what is left at the scope of namespace see are declarations."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
IGNORED = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\''
    r"|^[ \t]*#(?:\\\n|[^\n])*", re.S | re.M)
TOKEN = re.compile(r"[A-Za-z_]\w*|::|&&|\|\||->|\S")
CLOSING = {"(": ")", "{": "}", "[": "]", "<": ">"}


def tokens_of(text):
    """Pairs of a token and its line; a literal is the token 0."""
    def blank(match):
        found = match.group(0)
        return (" 0 " if found[0] in "\"'R" else " ") + "\n" * found.count("\n")

    text = IGNORED.sub(blank, text)
    line, at, tokens = 1, 0, []
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        tokens.append((match.group(0), line))
    return tokens


def after_group(tokens, at):
    """The place after the bracket that closes the one at `at`."""
    opening = tokens[at][0]
    brackets = "({[<" if opening == "<" else "({["
    at += 1
    while tokens[at][0] != CLOSING[opening]:
        at = after_group(tokens, at) if tokens[at][0] in brackets else at + 1
    return at + 1


def after_constraint(tokens, at):
    """The place after a constraint such as (A) && B<C> && requires(D) { E; }."""
    while True:
        while tokens[at][0] in ("!", "::", "typename") or re.match(r"[A-Za-z_]", tokens[at][0]):
            at += 1
            if tokens[at][0] == "<":
                at = after_group(tokens, at)
            if tokens[at - 1][0] == "requires" and tokens[at][0] == "(":
                at = after_group(tokens, at)
            if tokens[at][0] != "::" and tokens[at - 1][0] not in ("!", "::", "typename", "requires"):
                break
        if tokens[at][0] in "({":
            at = after_group(tokens, at)
        if tokens[at][0] not in ("&&", "||"):
            return at
        at += 1


def declaration(tokens, at):
    """The name that the declaration at `at` declares, or None, and the place after it."""
    while tokens[at][0] in ("template", "requires", "[", "export", "extern"):
        if tokens[at][0] == "requires":
            at = after_constraint(tokens, at + 1)
        elif tokens[at][0] == "[":
            at = after_group(tokens, at)
        else:
            at += 1
            if tokens[at][0] == "<":
                at = after_group(tokens, at)
    kind = tokens[at][0]
    name, is_type = None, kind in ("class", "struct", "union", "enum")
    if is_type or kind in ("concept", "using", "namespace"):
        at += 1
        while tokens[at][0] in ("class", "struct", "["):
            at = after_group(tokens, at) if tokens[at][0] == "[" else at + 1
        name = tokens[at][0]
        if name == "namespace":
            kind, name = "static_assert", None  # using namespace: declares nothing
    ended_by_body = False
    while tokens[at][0] != ";":
        token = tokens[at][0]
        if token == "operator":
            name, at = "", at + (3 if tokens[at + 1][0] == "(" else 1)
            while tokens[at][0] != "(":
                at += 1
            continue
        if token == "decltype" and tokens[at + 1][0] == "(":
            at = after_group(tokens, at + 1)
            continue
        if name is None and kind not in ("using", "static_assert") and token in "({[=":
            back = at - 1
            if tokens[back][0] == ">":
                while tokens[back][0] != "<":
                    back -= 1
                back -= 1
            name = "" if tokens[back - 1][0] == "::" else tokens[back][0]  # a member, defined outside
        if token == "=":
            ended_by_body = None
        if token in "({[":
            has_parameters = token == "(" or ended_by_body
            at = after_group(tokens, at)
            if token == "{" and ended_by_body and not is_type and kind != "concept":
                return name or None, at  # the body of a function
            if ended_by_body is not None:
                ended_by_body = has_parameters
        elif token == "<" and name is None:
            at = after_group(tokens, at)
        else:
            if kind == "using" and re.match(r"[A-Za-z_]", token) and ended_by_body is False:
                name = token  # using other::name
            at += 1
    if name is None and kind not in (";", "using", "static_assert") and tokens[at - 2][0] != "::":
        name = tokens[at - 1][0]  # a variable that is declared only
    return name or None, at + 1


def names_of(text):
    """Names declared at the scope of namespace see, and their lines."""
    tokens, at, scope = tokens_of(text), 0, []
    while at < len(tokens):
        if tokens[at][0] == "}":
            scope.pop()
            at += 1
        elif tokens[at][0] == "inline" and tokens[at + 1][0] == "namespace":
            at += 1
        elif tokens[at][0] == "namespace" and "=" not in (tokens[at + 1][0], tokens[at + 2][0]):
            begin = at + 1
            while tokens[at][0] != "{":
                at += 1
            scope.append("".join(token for token, _ in tokens[begin:at]))
            at += 1
        else:
            line = tokens[at][1]
            name, at = declaration(tokens, at)
            if name and scope == ["see"]:
                yield name, line


def main():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = {name for line in page.split("\n") if line.startswith("| `")
              for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    include = ROOT / "include"
    failed = False
    for path in sorted(include.rglob("*.hpp")):
        try:
            found = list(names_of(path.read_text(encoding="utf-8")))
        except IndexError:
            sys.exit(f"{path.relative_to(ROOT)}: brackets without an end, or what docs/names.py cannot read")
        for name, line in found:
            if name not in listed:
                print(f"{path.relative_to(ROOT)}:{line}: see::{name}, which docs/api.md does not list",
                      file=sys.stderr)
                failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
