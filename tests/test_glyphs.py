"""Every glyph of ours has a stand-in for terminals that show ASCII only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import tui
from tui.glyphs import shown

FILES = sorted(Path(tui.__path__[0]).rglob("*.py"))


def texts(path: Path) -> set[str]:
    """The strings of a module, without its docstrings and its glyph tables."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_glyph_of_the_program_has_a_stand_in(path):
    glyphs = {one for text in texts(path) for one in text if not one.isascii()}
    assert {one for one in glyphs if shown(one, utf8=False) == "?"} == set()
    assert {one for one in glyphs if cell_len(one) != 1} == set()


@given(st.text())
def test_ascii_of_the_same_width(text):
    assert shown(text, utf8=False).isascii()
    assert all(cell_len(shown(one, utf8=False)) == cell_len(one) for one in text)
    assert shown(text, utf8=True) == text
