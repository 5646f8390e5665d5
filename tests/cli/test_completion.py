"""The completion scripts: that shells read them, and what they offer."""
import os
import re
import shutil
import subprocess

import pytest

COMMANDS = ["run", "metadata", "pca", "neighbours", "search", "classify", "predict", "cluster", "inspect", "report", "runs", "model", "bench", "completion", "help"]


def options(call, command):
    """The options of a command, as its help has them."""
    table = call("help", command).stdout.partition("\nOptions:\n")[2]
    return re.findall(r"^  (?:-(\w), |    )--([\w-]+)(?: (\S+))?", table, re.M)


def script(call, shell, tmp_path):
    path = tmp_path / f"verger.{shell}"
    path.write_text(call("completion", shell).stdout)
    return path


def need(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_reads_it(call, shell, tmp_path):
    need(shell)
    done = subprocess.run([shell, "-n", script(call, shell, tmp_path)], capture_output=True,
                          text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_there(call, shell, command):
    text = call("completion", shell).stdout
    if shell == "bash":
        text = re.search(rf"^    {command}\) echo '(.*)' ;;$", text, re.M)[1]
        words = set(text.split())
    elif shell == "zsh":
        text = re.search(rf"^    {command}\)\n(.*?)^        ;;$", text, re.M | re.S)[1]
        words = set(re.findall(r"--[\w-]+", text)) | set(re.findall(r"(?<![\w-])-\w\b", text))
    else:
        lines = [line for line in text.splitlines()
                 if f"'__fish_seen_subcommand_from {command}'" in line]
        words = {"--" + name for line in lines for name in re.findall(r" -l ([\w-]+)", line)}
        words |= {"-" + name for line in lines for name in re.findall(r" -s (\w)", line)}
    for letter, name, _ in options(call, command):
        assert f"--{name}" in words
        if letter:
            assert f"-{letter}" in words


def complete_in_bash(path, words, folder):
    """What bash offers for the last word, as its readline would split the line."""
    split = [part for word in words for part in re.findall(r"=|[^=]+", word) or [""]]
    code = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
            '_verger; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", code, "-", path, *split], capture_output=True, text=True,
                          cwd=folder)
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


@pytest.mark.parametrize("words, offered", [
    (["verger", ""], {*COMMANDS, "--help", "--version"}),
    (["verger", "me"], {"metadata"}),
    (["verger", "run", "--m"], {"--mode", "--model", "--metrics", "--max-errors",
                                "--max-pixels", "--max-file-size"}),
    (["verger", "run", "--mode", ""], {"mini", "apples", "full"}),
    (["verger", "run", "--mode=a"], {"apples"}),
    (["verger", "run", "--mode="], {"mini", "apples", "full"}),
    (["verger", "run", "--progress", "j"], {"json"}),
    (["verger", "run", "--threads", ""], set()),
    (["verger", "run", ""], {"a folder"}),
    (["verger", "run", "in", ""], {"a folder"}),
    (["verger", "run", "-k", "5", "in", "--overwrite", "out", ""], {"mini", "apples", "full"}),
    (["verger", "run", "--mode=mini", "in", ""], {"a folder"}),
    (["verger", "run", "--model", "we"], {"weights"}),
    (["verger", "run", "in", "out", "mini", ""], set()),
    (["verger", "completion", ""], {"bash", "zsh", "fish"}),
    (["verger", "help", "pc"], {"pca"}),
    (["verger", "model", "f"], {"fetch"}),
    (["verger", "model", "info", "we"], {"weights"}),
    (["verger", "nonsense", ""], set()),
])
def test_bash_offers(call, tmp_path, words, offered):
    folder = tmp_path / "here"
    (folder / "a folder").mkdir(parents=True)
    (folder / "weights").write_text("")
    assert complete_in_bash(script(call, "bash", tmp_path), words, folder) == offered


@pytest.mark.parametrize("line, offered", [
    ("verger me", {"metadata"}),
    ("verger run --max-", {"--max-errors", "--max-pixels", "--max-file-size"}),
    ("verger run --mode ", {"mini", "apples", "full"}),
    ("verger completion ", {"bash", "zsh", "fish"}),
    ("verger help pc", {"pca"}),
])
def test_fish_offers(call, verger, environment, tmp_path, line, offered):
    need("fish")
    path = script(call, "fish", tmp_path)
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"],
                          capture_output=True, text=True, cwd=folder,
                          env={**environment, "PATH": os.path.dirname(verger) + ":" +
                               environment["PATH"]})
    assert {row.split("\t")[0] for row in done.stdout.splitlines()} == offered
