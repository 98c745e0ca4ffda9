from __future__ import annotations

import subprocess
import sys

# Run once with the classes as Textual makes them and once with ours: what it prints must be the same.
WITNESS = """
import importlib, sys
from pathlib import Path

import textual.dom
if sys.argv[1] == "ours":
    from gradtop.tui.framework import node_classes
    node_classes.begin()
    assert textual.dom.DOMNode.__init_subclass__.__func__ is node_classes.init_subclass
import gradtop.tui
import textual.widgets
from textual.dom import DOMNode
from textual.reactive import reactive
from textual.widget import Widget

for file in sorted(Path(gradtop.tui.__path__[0]).rglob("*.py")):
    name = ".".join(("gradtop.tui", *file.relative_to(gradtop.tui.__path__[0]).with_suffix("").parts)).removesuffix(".__init__")
    if not name.endswith("__main__"):
        importlib.import_module(name)

class Mixin:
    other = reactive(1)
    def compute_other(self): return 2

class First(Mixin, Widget, inherit_css=False):
    BINDINGS = [("a", "b", "c")]
    value = reactive(0)
    def _compute_value(self): return 3

class Second(First, inherit_bindings=False):
    value = reactive(5)

class Third(DOMNode, inherit_component_classes=False): pass

def below(base):
    return {base, *(found for each in base.__subclasses__() for found in below(each))}

for each in sorted(below(DOMNode) - {DOMNode}, key=lambda each: (each.__module__, each.__qualname__)):
    print(each.__module__, each.__qualname__, list(each._reactives),
        sum(value is vars(base).get(name) for name, value in each._reactives.items() for base in each.__mro__), sorted(each._computes),
        each._inherit_css, each._inherit_bindings, each._inherit_component_classes, each._css_type_name, sorted(each._css_type_names),
        [(key, [str(binding) for binding in bindings]) for key, bindings in each._merged_bindings.key_to_bindings.items()])
one, two = First(), Second()
print(one.value, one.other, two.value, two.other)
"""


def said(whose: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", WITNESS, whose], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_classes_of_widgets_are_as_textual_makes_them() -> None:
    textuals = said("textual's")
    assert len(textuals) > 120
    assert said("ours") == textuals
