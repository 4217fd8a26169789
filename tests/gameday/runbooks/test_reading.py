"""A page as steps and commands, and the words of a shell text."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday import runbooks
from gameday.runbooks import shell
from gameday.runbooks.reading import command_lines

PAGE = """# The kettle

## Steps

### 1. Look at it (0-5 min)

```bash
aws ecs list-tasks --cluster "a b" \\
  --desired-status RUNNING | sort   # all
date -u
```

1. an item
   ```console
   $ gameday list
   ecs/stop-one-task  held
   $ gameday runs
   ```

```sh
for t in a b; do
  gameday show "$t"
done
```

### 2) Switch it off (30+ min)

```yaml
gameday: nothing
```

## Drilled by

* [x](../x.yaml)

### 3. Not a step
"""


def test_steps_with_their_bands_and_commands(tmp_path: Path) -> None:
    """Numbers, texts, minutes; whole command lines with their line, of bash and of a session without its output."""
    path = tmp_path / "kettle.md"
    path.write_text(PAGE)
    page = runbooks.read(path)
    assert page.title == "The kettle" and page.drilled_by == ("../x.yaml",)
    assert [(step.number, step.text, step.band, step.band_s) for step in page.steps] == [
        (1, "Look at it", "0-5 min", (0.0, 300.0)),
        (2, "Switch it off", "30+ min", (1800.0, None)),
    ]
    lines = [(command.line, command.text.split("\n")[0]) for command in page.steps[0].commands]
    assert lines == [
        (8, 'aws ecs list-tasks --cluster "a b" \\'),
        (10, "date -u"),
        (15, "gameday list"),
        (17, "gameday runs"),
        (21, "for t in a b; do"),
    ]
    assert page.steps[0].commands[0].text.endswith("| sort   # all")


def test_a_place_in_an_indented_block_is_a_place_in_the_file(tmp_path: Path) -> None:
    """Line and column count from the file's edge, whatever the block is indented by, prompt and all."""
    path = tmp_path / "kettle.md"
    path.write_text(PAGE)
    script = runbooks.read(path).scripts[1]
    assert script.place(script.text.index("runs")) == (17, PAGE.split("\n")[16].index("runs") + 1)
    assert [command.text for command in command_lines(script)] == ["gameday list", "gameday runs"]


def words(text: str) -> list[list[str]]:
    """Return the words of every command of a text."""
    return [[word.text for word in one.words] for simple in shell.read(text) for one in simple.everything()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 'b c' \"d $E\" f\\ g", [["a", "b c", "d $E", "f g"]]),
        ("a | b && c; d & e", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("X=$(a $(b c)) d", [["b", "c"], ["a", "$(b c)"], ["d"]]),
        ("for t in $(a); do b $t; done", [[], ["b", "$t"]]),
        ("a > out.txt 2>&1 < in.txt", [["a"]]),
        ("cat <<END | b\nit's $( \nEND\nc", [["cat"], ["b"], ["c"]]),
        ("# a 'quote\na b#c # d", [["a", "b#c"]]),
        ("sudo a --x=`b`", [["b"], ["a", "--x=`b`"]]),
        ("a --tasks <TASK ID> b", [["a", "--tasks", "<TASK ID>", "b"]]),
        ("export A=1 B=$C", [[]]),
        ("a \\\n  b", [["a", "b"]]),
    ],
)
def test_words_as_a_shell_has_them(text: str, expected: list[list[str]]) -> None:
    """Quotes, holes, lists, redirections, comments, loops: every command, the inner ones first."""
    assert words(text) == expected


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a $(b", "a ${b", "a `b", "cat <<END\nb", "$(" * 40])
def test_what_is_never_closed_has_a_place(text: str) -> None:
    """A quote, a bracket, a text that never ends: a sentence and an offset, no crash."""
    with pytest.raises(shell.ShellError) as caught:
        shell.read(text)
    assert 0 <= caught.value.offset <= len(text) and (";" in str(caught.value) or "close" in str(caught.value))
