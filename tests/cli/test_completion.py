"""Completion by a real shell: what Tab offers for a line."""

from __future__ import annotations

import builtins
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.record import find_run, label_run, rename_run
from gradtop.tui.cli.complete import words_of
from gradtop.tui.cli.completion import SHELLS
from gradtop.tui.cli.main import commands
from tests.cli.command import environment
from tests.cli.conftest import Gradtop

# As bash does when Tab is pressed at the end of each line (bash(1), Programmable Completion), with its own idea of where words end.
BASH = """\
source <(gradtop completion bash)
complete -p gradtop >&2
while IFS= read -r line; do
    COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMP_KEY=9
    read -ra COMP_WORDS <<<"$line"
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _python_argcomplete gradtop "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
    printf '%s\\t' "${COMPREPLY[@]}"
    printf '\\n'
done
"""
FISH = """\
gradtop completion fish | source
while read --local line
    echo (complete --do-complete $line | string replace --regex '\\t.*' '' | string join \\t)
end
exit 0
"""
# What stands in the file that the shell reads at its start, and whether it has the function.
LOADED = {
    "bash": 'eval "$(gradtop completion bash)"; declare -F _python_argcomplete > /dev/null && echo loaded',
    "zsh": 'autoload -Uz compinit && compinit -D -u; eval "$(gradtop completion zsh)"; (( $+functions[_python_argcomplete] )) && echo loaded',
}
Tab = Callable[..., list[set[str]]]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a shell whose `gradtop` is this one."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "gradtop"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gradtop "$@"\n')
    command.chmod(0o755)
    env = environment()
    return {**env, "PATH": f"{folder}:{env['PATH']}"}


def offered(script: str, shell: list[str], lines: tuple[str, ...], env: Mapping[str, str], folder: Path) -> list[set[str]]:
    done = subprocess.run([*shell, script], input="\n".join(lines) + "\n", capture_output=True, text=True, env=env, cwd=folder, timeout=300, check=True)
    assert "Traceback" not in done.stderr
    return [set(line.split("\t")) - {""} for line in done.stdout.splitlines()]


@pytest.fixture(params=[shell for shell in ("bash", "fish") if shutil.which(shell)])
def tab(request: pytest.FixtureRequest, path: Mapping[str, str], tmp_path: Path) -> Tab:
    """What the shell offers for each line."""
    shell, script = {"bash": (["bash", "--norc", "-c"], BASH), "fish": (["fish", "--no-config", "-c"], FISH)}[request.param]
    return lambda *lines: offered(script, shell, lines, path, tmp_path)


@pytest.mark.usefixtures("runs")
def test_tab_offers_commands_options_runs_keys_and_values(tab: Tab, runs: Path) -> None:
    (runs.parent / "my.toml").write_text("")
    (runs.parent / "notes.txt").write_text("")
    label_run(find_run(runs, "amber-finch"), add=["base"])
    rename_run(find_run(runs, "tidy-wren"), "two words")
    command, option, run, quoted, config, key, kind, live, state, step = tab(
        "gradtop ch",
        "gradtop ls --so",
        "gradtop show ",
        "gradtop show two",
        "gradtop train ",
        "gradtop train my.toml optimizer.l",
        "gradtop train my.toml data.kind=fa",
        "gradtop set last training.batch_s",
        "gradtop wait last --until state:do",
        "gradtop eval amber-finch --checkpoint 1",
    )
    assert {word.strip() for word in command} == {"check", "checkpoint"}
    assert {word.strip() for word in option} == {"--sort"}
    assert {"last", "amber-finch", "brave-otter"} <= {word.strip() for word in run}
    assert len(quoted) == 1
    assert quoted.pop().strip() in {"two\\ words", "two words"}
    assert "my.toml" in {word.strip() for word in config}
    assert not {"notes.txt"} & {word.strip() for word in config}
    assert {word.strip() for word in key} == {"optimizer.lr=", "optimizer.lr_decay="}
    # bash takes = and : for the end of a word, and so wants what comes after.
    assert {word.strip().rpartition("=")[2] for word in kind} == {"fake", "fashion_mnist"}
    assert not live  # what cannot be changed live is not offered
    assert {word.strip().rpartition(":")[2] for word in state} == {"done"}
    assert {word.strip() for word in step} == {"171"}


@pytest.mark.usefixtures("runs")
def test_where_nothing_can_be_read_nothing_is_offered(tab: Tab, runs: Path) -> None:
    (runs / "broken").mkdir()
    (runs / "broken" / "run.toml").write_text("\x1b[31m")
    (runs / "broken" / "meta.json").write_text('{"name": "\\u001b[31mred"}')
    here, elsewhere, unknown = tab("gradtop show ", "gradtop show --runs /nowhere ", "gradtop frobnicate ")
    assert "last" in {word.strip() for word in here}
    assert not any("\x1b" in word for word in here)
    assert "amber-finch" not in {word.strip() for word in elsewhere}
    assert "amber-finch" not in {word.strip() for word in unknown}


@pytest.mark.parametrize("shell", [each for each in LOADED if shutil.which(each)])
def test_a_shell_takes_the_script_at_its_start(shell: str, path: Mapping[str, str], tmp_path: Path) -> None:
    done = subprocess.run([shell, "-c", LOADED[shell]], capture_output=True, text=True, env=path, cwd=tmp_path, timeout=300, check=True)
    assert done.stdout == "loaded\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script(gradtop: Gradtop, shell: str) -> None:
    said = gradtop("completion", shell)
    assert (said.code, said.err) == (0, "")
    assert "gradtop" in said.out


def test_a_missing_package_is_named(gradtop: Gradtop, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "argcomplete":
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    said = gradtop("completion", "bash")
    assert (said.code, said.out) == (2, "")
    assert said.err == "gradtop: completion requires argcomplete, which is not installed: pip install 'gradtop[completion]'\n"


def test_a_line_that_is_not_finished_has_words() -> None:
    assert words_of("gradtop show 'two wo") == ["gradtop", "show", "two wo"]
    assert words_of('gradtop show "two') == ["gradtop", "show", "two"]
    assert words_of("") == []
    assert "completion" in commands()
