"""What is told of a page that no longer holds: each with file, line and column; and no page brings it down."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gameday import runbooks
from gameday.errors import InputError
from gameday.runbooks import drift
from gameday.runbooks.reading import Runbook, Script
from gameday.runbooks.shell import Word

ROOT = Path(__file__).parents[3]
PAGES = runbooks.pages(ROOT)
Place = tuple[int, int]
Choice = Callable[[tuple[Word, ...]], Word | None]


def words_of(page: Runbook, program: str) -> Iterator[tuple[Script, tuple[Word, ...]]]:
    """Yield the words of each command of a program, from its name on."""
    for script, simple in drift.page_commands(page):
        if words := drift.program(simple, program):
            yield script, words


def first_option(words: tuple[Word, ...]) -> Word | None:
    """Return the first option of a command."""
    return next((word for word in words if word.text.startswith("--") and len(word.text) > 2), None)


def mutated(path: Path, copy: Path, program: str, choice: Choice) -> list[Place]:
    """Write a copy of a page in which the chosen word of each command has an x at its end; return their places."""
    page = runbooks.read(path)
    lines = path.read_text().split("\n")
    places = {}
    for script, words in words_of(page, program):
        if (word := choice(words)) and not word.holes:
            places[script.place(word.offset)] = len(word.text.partition("=")[0])
    for (line, column), length in sorted(places.items(), reverse=True):
        text = lines[line - 1]
        lines[line - 1] = text[: column - 1 + length] + "x" + text[column - 1 + length :]
    copy.write_text("\n".join(lines))
    return sorted(places)


CHOICES: dict[str, tuple[str, Choice]] = {
    "a service that does not exist": ("aws", lambda words: words[1]),
    "an operation that does not exist": ("aws", lambda words: words[2]),
    "an option that does not exist": ("aws", first_option),
    "a verb of gameday that does not exist": ("gameday", lambda words: words[1]),
    "an option of gameday that does not exist": ("gameday", first_option),
}


@pytest.mark.parametrize("what", CHOICES)
def test_every_mutated_command_is_found_where_it_stands(what: str, tmp_path: Path) -> None:
    """In each command of every page of ours one word is changed: each is told, at its line."""
    program, choice = CHOICES[what]
    count = 0
    for path in PAGES:
        copy = tmp_path / path.name
        places = mutated(path, copy, program, choice)
        told = {(problem.line, problem.column) for problem in runbooks.problems_of(copy, ROOT)}
        assert [place for place in places if place not in told] == []
        count += len(places)
    assert count >= (100 if program == "aws" else 10)


def page(tmp_path: Path, *commands: str) -> list[str]:
    """Return the problems of a page with these commands, each as LINE:COL: message; the first stands in line 7."""
    path = tmp_path / "page.md"
    path.write_text("\n".join(["# A page", "", "## Steps", "", "### 1. Do", "```bash", *commands, "```", ""]))
    return [str(problem).removeprefix(f"{path}:") for problem in runbooks.problems_of(path, ROOT)]


GRAPH = "aws cloudwatch get-metric-statistics --namespace X --metric-name Y --start-time A --end-time B --period 60"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("aws ecs describe-services --cluster c", "7:9: `describe-services` lacks --services"),
        ("aws rds describe-events --source-type db", "7:39: --source-type: 'db' is not among the values"),
        ("aws rds describe-events --duration ten", "7:36: --duration: 'ten' is no whole number"),
        (f"{GRAPH} --statistics Average Maxi", "did you mean 'Maximum'?"),
        (f"{GRAPH} --statistics Sum --dimensions Name=a,Val=b", "no member 'Val'; did you mean 'Value'?"),
        (f"{GRAPH} --statistics Sum --dimensions Name=a", "lacks 'Value'"),
        (f"{GRAPH} --statistics Sum --query 'Datapoints['", "the query is no JMESPath"),
        (f"{GRAPH} --statistics Sum --query 'sort_by(Datapoints,&Timestam)[-1].Sum'", "no 'Timestam'"),
        ("aws ecs list-tasks --query 'taskArn[0]'", "7:28: --query: the answer has no 'taskArn'; did you mean"),
        ("aws ecs describe-services --services s --query 'services[0].[desiredCount,deployments[].rolloutStat]'",
         "no 'rolloutStat'; did you mean 'rolloutState'?"),
        ("aws rds describe-db-instances --query 'DBInstances[?MultAZ].{id: DBInstanceIdentifier}'", "no 'MultAZ'"),
        ("aws logs get-query-results --query-id q --query 'results[*][*].valu'", "no 'valu'; did you mean 'value'?"),
        ("aws ecs list-tasks --cluster a b", "takes one value; 'b' is too much"),
        ("aws ecs list-tasks --cluster", "7:20: --cluster needs a value"),
        ("aws ecs list-tasks c", "7:20: 'c' belongs to no option"),
        ("aws ecs list-tasks --output yml", "did you mean 'yaml'?"),
        ("aws ecs wait services-stabl --cluster c", "did you mean 'services-stable'?"),
        ("aws ecs update-service --service s --network-configuration awsvpcConfiguration={subnets=a,assignPublicIp=N}",
         "'N' is not among the values"),
        ("aws ecs update-service --service s --force-new-deployment yes", "takes no value"),
        ("X=$(aws ecs describe-task --tasks a)", "7:13: `aws ecs` has no operation 'describe-task'"),
        ("aws s3 cpp a b", "no command 'cpp' of `aws s3`; did you mean 'cp'?"),
        ("gameday run experiments/ecs/none.yaml", "7:13: no file 'experiments/ecs/none.yaml' in the suite"),
        ("gameday plan", "7:9: `gameday plan` lacks FILE"),
        ("gameday watch --by chance", "'chance' is not one of"),
        ("gameday play first-game-dy --unattended", "7:14: no plan 'first-game-dy' in plans; did you mean"),
        ("gameday schedule release-readiness --as crn", "--as: Invalid value"),
        ("gameday schedule --as cron release", "7:28: no plan 'release' in plans"),
        ("gameday lab upp", "7:13: `gameday lab` has no verb 'upp'; did you mean 'up'?"),
        ("gameday show a b", "takes no 'b'"),
        ("eval \"$(gameday lab envv)\"", "did you mean 'env'?"),
        ("aws ecs describe-tasks --tasks <TASK>", "7:32: the shell takes <TASK> for a file; write $TASK"),
        ("aws ecs describe-tasks --tasks $NEVER_SAID", "nobody knows what $NEVER_SAID is"),
        ("GAMEDAY_URL=x; curl \"$GAMEDAY_URL/ordrs\"", "the service has no '/ordrs'"),
        ("echo 'never closed", "7:6: this quote is never closed"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_command(command: str, told: str, tmp_path: Path) -> None:
    """One problem, with its place, and what to write instead."""
    problems = page(tmp_path, command)
    assert len(problems) == 1 and told in problems[0], problems


@pytest.mark.parametrize(
    "command",
    [
        "aws --region eu-west-1 ecs list-tasks --cluster=c --no-cli-pager",
        "aws ecs register-task-definition --cli-input-json file://x.json",
        "aws rds reboot-db-instance --db-instance-identifier d --no-force-failover",
        "aws ec2 describe-instances --filters Name=tag:a,Values=b,c Name=instance-state-name,Values=running",
        "aws elbv2 register-targets --target-group-arn a --targets Id=10.0.0.1,Port=80 Id=10.0.0.2",
        "aws ecs update-service --service s --deployment-configuration '{\"maximumPercent\": 200}'",
        "aws logs tail /ecs/foodconnect-backend --since 5m",
        "aws s3 sync a s3://b --anything",
        "aws help",
        "watch -n 5 aws ecs list-clusters",
        "gameday run experiments/ecs/*.yaml --on staging --set a=b --yes",
        "gameday schedule release-readiness --as cron; gameday schedule list; gameday schedule --help",
        "gameday play plans/first-game-day.yaml --unattended; gameday play incident-response",
        "gameday --version",
        "kubectl get pods --anything; make never-heard-of",
    ],
)
def test_what_is_right_is_left_alone(command: str, tmp_path: Path) -> None:
    """Shorthand, JSON, files, negations, global options, other programs: nothing is told."""
    assert page(tmp_path, command) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: no steps; write `## Steps`"),
        ("# Only prose\n\nCall Robin.\n", "1:1: no steps"),
        ("# T\n## Steps\nfirst do this\n", "2:1: no steps here"),
        ("# T\n## Steps\n### 1. A\n### 3. B\n", "4:1: step 3 where 2 comes next"),
        ("# T\n## Steps\n### 1. A\n```bash\naws help\n", "4:1: this block is never closed"),
        ("# T\n## Steps\n### 1. A\n[b](c.md) [d](#t) [g](https://h)\n", "4:5: no 'c.md' is there"),
        ("# T\n## Steps\n### 1. A\n[e](#f)\n", "4:5: this page has no heading #f"),
    ],
)
def test_a_foreign_page_is_told_what_it_lacks(text: str, told: str, tmp_path: Path) -> None:
    """Whatever the Markdown, the problem has a place and says what to write."""
    path = tmp_path / "theirs.md"
    path.write_text(text)
    problems = [str(problem) for problem in runbooks.problems_of(path, ROOT)]
    assert len(problems) == 1 and f"theirs.md:{told}" in problems[0]


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 and a page without end are problems with a place."""
    path = tmp_path / "theirs.md"
    path.write_bytes(b"# T\n\xff\xfe")
    [problem] = runbooks.problems_of(path, ROOT)
    assert "not UTF-8" in problem.message and problem.line == 2
    path.write_text("x" * 300_000)
    assert "too many" in runbooks.problems_of(path, ROOT)[0].message
    with pytest.raises(InputError):
        runbooks.read(path)


def test_no_page_brings_it_down(tmp_path: Path) -> None:
    """Ours, cut and stirred at random: always an answer, and each problem inside of the file."""
    dice = random.Random(7)
    path = tmp_path / "stirred.md"
    for source in PAGES:
        text = source.read_text()
        for _ in range(6):
            begin = dice.randrange(len(text))
            part = list(text[begin : begin + 3000])
            for _ in range(30):
                part[dice.randrange(len(part))] = dice.choice("`'\"$(){}[]<>|&;\\#\n~*= \u00e9")
            path.write_text("".join(part))
            last = len(part)
            assert all(
                1 <= problem.line <= last and problem.column >= 1 for problem in runbooks.problems_of(path, ROOT)
            )
