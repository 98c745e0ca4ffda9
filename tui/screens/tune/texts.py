"""The form as texts: what was typed over what a run has. Nothing is checked here, so that a form can be shown before Pydantic is imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gradtop.trainer.fields.outline import declared_sections, default_texts, texts_of
from gradtop.trainer.fields.spec import EFFECTS, LIVE_KINDS, Effect, FieldSpec, SectionSpec
from gradtop.trainer.fields.text import to_text
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import effective

if TYPE_CHECKING:
    from gradtop.trainer.config import Change, Config
    from gradtop.tui.screens.tune.data import TunePart

# Changed together with such a kind, these are part of it.
LIVE_WITH_KIND = frozenset({"freeze.patterns"})
CHARACTERS = "text"  # the kind of data that is sampled of


class Difference(NamedTuple):
    """One line of what will change, as texts, and its way; `old` is "" where the old kind had no such field."""

    key: str
    old: str
    new: str
    effect: Effect = "restart"


class FormTexts:
    """Texts by dotted key over those of a base. What is typed for one kind is there when it comes back.

    `failure` is why a run with the base could not begin. These are shown until somebody touches the form; from then on it has a `Draft`.
    """

    config: Config | None = None
    checked = False

    def __init__(self, base: Mapping[str, str], typed: Mapping[str, str] | None = None, failure: str = "") -> None:
        self.failure = failure
        self.problems: dict[str, str] = {}
        self._base = dict(base)
        self._typed = dict(typed or {})
        self._differences: list[Difference] = []
        self._settle()

    @property
    def startable(self) -> bool:
        """Whether a run may start with it; what was read of a run is taken to be right until it is checked."""
        return True

    @property
    def configs(self) -> tuple[Config, Config] | None:
        """That of the base, and that of the form; None while a field is wrong, and before anything was checked."""
        return None

    def kind(self, part: SectionSpec) -> str:
        kind = self._text(f"{part.name}.kind", part.default_kind)
        return kind if kind in part.kinds else part.default_kind

    def sections(self) -> list[tuple[SectionSpec, tuple[FieldSpec, ...]]]:
        """Each section with the fields of its present kind."""
        return self._sections

    def fields(self) -> dict[str, FieldSpec]:
        return self._fields

    def text(self, spec: FieldSpec) -> str:
        return self._text(spec.key, to_text(spec.default))

    def was(self, spec: FieldSpec) -> str:
        """The text in the base; "" where its kind has no such field."""
        return self._base.get(spec.key, "")

    def original(self, spec: FieldSpec) -> str:
        """What the field had before anything was typed: the base's, or the default of a new kind."""
        return self._base.get(spec.key, to_text(spec.default))

    def refusal(self, spec: FieldSpec) -> str:
        """Why the run with what this field still has could not begin; "" where that was something else."""
        named = self.failure.removeprefix(spec.key)
        return named.lstrip(": ") if named != self.failure and named[:1] in {":", " "} and self.text(spec) == self.was(spec) else ""

    def is_plain(self, part: SectionSpec) -> bool:
        """Whether a section has nothing but defaults, of its default kind."""
        return all(self.text(spec) == (part.default_kind if spec.name == "kind" and part.kinds else to_text(spec.default)) for spec in part.of(self.kind(part)))

    def is_default(self, spec: FieldSpec) -> bool:
        """Whether a field is as it is by default, and was so in the base."""
        return self.text(spec) == to_text(spec.default) and all(each.key != spec.key for each in self.differences())

    def _settle(self) -> None:
        """What depends on the kinds and on what was typed, once for all who ask."""
        self._sections = [(part, part.of(self.kind(part))) for part in declared_sections() if self._concerns(part)]
        self._fields = {spec.key: spec for _, specs in self._sections for spec in specs}

    def _concerns(self, part: SectionSpec) -> bool:
        """Text is sampled of characters only; what was set for them is shown where it must be put right."""
        return part.name != "sample" or self._text("data.kind", "") == CHARACTERS or not self.is_plain(part)

    def differences(self) -> list[Difference]:
        """What will change, field by field, also while some fields are wrong."""
        return self._differences

    def kinds(self) -> dict[str, str]:
        """What the sections that changed their kind have now."""
        return {f"{part.name}.kind": kind for part, _ in self._sections if part.kinds and (kind := self.kind(part)) != self._base.get(f"{part.name}.kind")}

    @property
    def changes_something(self) -> bool:
        return bool(self.differences())

    def strongest(self) -> Effect | None:
        """The way that all changes together take; None where there are none."""
        ways = [one.effect for one in self.differences()]
        return max(ways, key=EFFECTS.index, default=None)

    def keys_of(self, effect: Effect) -> list[str]:
        """What takes this way."""
        return [one.key for one in self._differences if one.effect == effect]

    def changes(self) -> list[Change]:
        """Against the base; only for a form without problems."""
        return []

    def live_changes(self) -> dict[str, Any]:
        """The changes by key that a running worker can take; the others stay in the form. Nothing while a field is wrong."""
        return {}

    def values_of(self, keys: Iterable[str]) -> dict[str, Any]:  # noqa: ARG002 - of what is checked
        """What the configuration has for these keys, of those that its kinds have."""
        return {}

    def asks_for_the_schedule(self) -> bool:
        """Whether a new learning rate, applied live, may scale the schedule or take its place."""
        return False

    def _text(self, key: str, default: str) -> str:
        return self._typed.get(key, self._base.get(key, default))


def effect_of(key: str, effect: Effect, kinds: Mapping[str, str]) -> Effect:
    """The least costly way that a change can take, where `kinds` are those that change with it."""
    kind = f"{key.partition('.')[0]}.kind"
    if kind not in kinds:
        return effect
    if key == kind or key in LIVE_WITH_KIND:
        return "live" if kinds[kind] in LIVE_KINDS.get(kind, ()) else effect
    # What was changed with a kind goes the way of the kind.
    return "fork" if effect == "live" else effect


def unchecked(part: TunePart) -> FormTexts | None:
    """What a run has, what was applied live included; None where only the declarations can tell what is missing or not known."""
    if part.run is None:
        return FormTexts(default_texts())
    texts = texts_of(effective(part.tables, part.live), str(part.tables.get("job", "")))
    return FormTexts(texts, failure=part.failure) if texts is not None else None
