"""What a change brings and mends, over a real history of git."""

from __future__ import annotations

from pathlib import Path

import pytest
from repo.repositories import Repository, rules, sendgate, txt, write, zone

NEWS = "  - type: TXT\n    value: v=spf1 nclude:_spf.example.net -all\n"
WEAK = "v=DMARC1; p=rejct"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, dict[str, str]]:
    """Ten commits and more, each of which breaks or mends one thing."""
    repository = Repository.made(tmp_path_factory.mktemp("history"))
    at: dict[str, str] = {}
    old = "example.net.yaml"
    broken_net = "---\n'':\n" + txt("v=spf1 +all")
    at["start"] = repository.commit("start", {"example.com.yaml": zone(), old: broken_net})
    at["spf"] = repository.commit("break SPF", {"example.com.yaml": zone(news=NEWS)})
    at["spf-mended"] = repository.commit("mend SPF", {"example.com.yaml": zone()})
    at["dmarc"] = repository.commit("weaken", {"example.com.yaml": zone(_dmarc=txt(WEAK))})
    at["dmarc-mended"] = repository.commit("mend DMARC", {"example.com.yaml": zone()})
    (repository.folder / "zones").mkdir()
    repository.git("mv", "example.com.yaml", "zones/example.com.yaml")
    at["renamed"] = repository.commit("move the zone")
    moved = "zones/example.com.yaml"
    repository.git("checkout", "--quiet", "-b", "side")
    key = txt("v=DKIM1; k=rsa; p=MIIB")
    at["side"] = repository.commit("break a key", {moved: zone(s1___domainkey__news=key)})
    repository.git("checkout", "--quiet", "main")
    at["main"] = repository.commit("speak", {"README": "zones"})
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "side")
    at["merged"] = repository.git("rev-parse", "HEAD")
    (repository.folder / old).unlink()
    at["zone-gone"] = repository.commit("delete a zone")
    waiver = (
        '[[waive]]\nrule = "SPF011"\ndomain = "shop.example.com"\nreason = "r"\n'
        "expires = 2099-01-01\n"
    )
    shop = (
        "  # sendgate: waive SPF011 until 2099-01-01 for a while\n"
        "  - type: TXT\n    value: v=spf1 +all\n"
    )
    at["waived"] = repository.commit(
        "waive what it breaks",
        {moved: zone(s1___domainkey__news=key, shop=shop), "sendgate.toml": waiver},
    )
    at["unread"] = repository.commit("break the file", {moved: zone() + "  x: [\n"})
    return repository, at


def checked(
    history: tuple[Repository, dict[str, str]], commit: str, base: str, tmp_path: Path
) -> tuple[Repository, str]:
    """Check a commit out into a worktree of its own; give it, and the base."""
    repository, at = history
    folder = tmp_path / "tree"
    repository.git("worktree", "add", "--quiet", "--detach", str(folder), at[commit])
    return Repository(folder), at[base]


@pytest.mark.parametrize(
    ("commit", "base", "code", "new", "fixed"),
    [
        ("spf", "start", 1, ["SPF003 news.example.com"], []),
        ("spf-mended", "spf", 0, [], ["SPF003 news.example.com"]),
        (
            "dmarc", "spf-mended", 1,
            ["DMARC004 example.com", "DMARC004 news.example.com", "DMARC004 shop.example.com"], [],
        ),
        (
            "dmarc-mended", "dmarc", 0, [],
            ["DMARC004 example.com", "DMARC004 news.example.com", "DMARC004 shop.example.com"],
        ),
        ("renamed", "dmarc-mended", 0, [], []),
        ("merged", "main", 1, ["DKIM005 news.example.com"], []),
        ("merged", "side", 0, [], []),
        ("waived", "zone-gone", 1, ["SPF011 shop.example.com"], []),
    ],
)  # fmt: skip
def test_a_change_is_compared_as_a_whole(
    history: tuple[Repository, dict[str, str]],
    tmp_path: Path,
    commit: str,
    base: str,
    code: int,
    new: list[str],
    fixed: list[str],
) -> None:
    """Only what the commit brings fails; an inherited fault shows at every name below."""
    repository, revision = checked(history, commit, base, tmp_path)
    document = repository.check("--base", revision, code=code)
    assert rules(document["new"], "error") == new
    assert rules(document["fixed"], "error") == fixed
    assert document["verdict"] == {0: "pass", 1: "fail"}[code]
    assert repository.git("status", "--porcelain") == ""


def test_what_was_there_before_is_still_there(
    history: tuple[Repository, dict[str, str]], tmp_path: Path
) -> None:
    """Old faults are listed, and do not fail a change; without a base they do."""
    repository, revision = checked(history, "spf-mended", "spf", tmp_path)
    document = repository.check("--base", revision, code=0)
    assert "SPF011 example.net" in rules(document["still"])
    assert repository.check(code=1)["new"] == []


def test_the_faults_of_a_deleted_zone_are_mended(
    history: tuple[Repository, dict[str, str]], tmp_path: Path
) -> None:
    """A zone that is gone has no faults any more."""
    repository, revision = checked(history, "zone-gone", "merged", tmp_path)
    document = repository.check("--base", revision, code=0)
    assert "SPF011 example.net" in rules(document["fixed"])


def test_a_waiver_of_the_change_itself_does_not_apply(
    history: tuple[Repository, dict[str, str]], tmp_path: Path
) -> None:
    """A fault and its waiver in one change: the fault counts, and both waivers are named."""
    repository, revision = checked(history, "waived", "zone-gone", tmp_path)
    done = sendgate(repository.folder, "repo", "--base", revision)
    assert done.exit_code == 1
    assert done.stderr.count("is new with this change: not applied") == 2
    assert "'zones/example.com.yaml':" in done.stderr
    # Once it is part of the base, it applies.
    assert repository.check("--base", "HEAD", code=0)["new"] == []


def test_a_file_that_can_no_longer_be_read_is_unknown(
    history: tuple[Repository, dict[str, str]], tmp_path: Path
) -> None:
    """Nothing is called mended because its file cannot be read; the check exits 3."""
    repository, revision = checked(history, "unread", "zone-gone", tmp_path)
    document = repository.check("--base", revision, code=3)
    assert document["verdict"] == "unknown"
    assert [item["path"] for item in document["unread"]] == ["zones/example.com.yaml"]
    assert document["fixed"] == []
    # As long as the base cannot be read either, the change is not to blame.
    assert repository.check("--base", "HEAD", code=0)["verdict"] == "pass"


def test_a_subfolder_is_compared_with_itself(
    history: tuple[Repository, dict[str, str]], tmp_path: Path
) -> None:
    """PATH may lie below the top of the repository; paths stay relative to it."""
    repository, revision = checked(history, "merged", "renamed", tmp_path)
    document = repository.check("--base", revision, path="zones", code=1)
    assert rules(document["new"], "error") == ["DKIM005 news.example.com"]
    assert document["prefix"] == "zones/"
    (evidence,) = document["new"][0]["evidence"]
    assert evidence["origin"]["where"] == "example.com.yaml"


def test_a_base_without_zones_makes_all_new(tmp_path: Path) -> None:
    """The first zones of a repository are new as a whole, and that is said."""
    repository = Repository.made(tmp_path / "r")
    base = repository.commit("start", {"README": "soon"})
    repository.commit("zones", {"example.net.yaml": "---\n'':\n" + txt("v=spf1 +all")})
    done = sendgate(repository.folder, "repo", "--base", base)
    assert done.exit_code == 1
    assert "nothing can be read at" in done.stderr
    assert repository.check("--base", base)["still"] == []


@pytest.mark.parametrize(
    ("revision", "said"),
    [("no-such", "no revision 'no-such'"), ("--output=x", "no revision"), ("", "no revision")],
)
def test_a_revision_that_is_none(tmp_path: Path, revision: str, said: str) -> None:
    """Exit 2 names it; a revision is never taken for an option of git."""
    repository = Repository.made(tmp_path / "r")
    repository.commit("start", {"example.com.yaml": zone()})
    done = sendgate(repository.folder, "repo", f"--base={revision}")
    assert done.exit_code == 2
    assert said in done.stderr or "an empty text" in done.stderr
    assert not (repository.folder / "x").exists()


def test_a_base_needs_a_git_repository(tmp_path: Path) -> None:
    """Exit 2 says that there is none."""
    (tmp_path / "example.com.yaml").write_text(zone())
    done = sendgate(tmp_path, "repo", "--base", "HEAD")
    assert done.exit_code == 2
    assert "is in no git repository" in done.stderr


def test_a_mended_include_is_mended_although_it_leads_out(tmp_path: Path) -> None:
    """What lies outside was never to be seen, and takes nothing away from what is mended."""
    git = Repository.made(tmp_path)
    git.commit("start", {"example.com.yaml": zone(news=NEWS)})
    write(tmp_path, {"example.com.yaml": zone(news=NEWS.replace("nclude", "include"))})
    document = git.check("--base", "HEAD", code=0)
    assert rules(document["fixed"], "error") == ["SPF003 news.example.com"]


async def test_only_what_a_change_reaches_is_audited_anew(tmp_path: Path) -> None:
    """A name whose every answer is the same has the same audit in both trees."""
    from audits import SEED, TIME

    from sendgate.dmarc.suffixes import is_suffix_or_above
    from sendgate.dns.overlay import NowhereSource
    from sendgate.repo.audits import Outside, TreeAudit, audit_tree
    from sendgate.repo.detect import read_repository
    from sendgate.repo.tree import FolderTree

    outside = Outside(NowhereSource(is_suffix_or_above), TIME, SEED)
    trees = []
    for number, changed in enumerate((zone(), zone(), zone(news=NEWS), zone(_dmarc=txt(WEAK)))):
        folder = write(tmp_path / str(number), {"example.com.yaml": changed})
        tree = TreeAudit(read_repository(FolderTree(folder)))
        await audit_tree(tree, outside, like=trees[0] if trees else None)
        trees.append(tree)
    assert [len(tree.audits) for tree in trees] == [3, 3, 3, 3]
    assert [tree.reused for tree in trees] == [0, 3, 2, 0]


def test_a_declared_key_that_a_change_removes_is_missed(tmp_path: Path) -> None:
    """What a [[sender]] rests on must stay; a key that nobody declared may go."""
    git = Repository.made(tmp_path)
    git.commit("start", {"example.com.yaml": zone()})
    without = zone().replace("s1._domainkey.news:", "s1._other.news:")
    write(tmp_path, {"example.com.yaml": without.replace("v=DKIM1\\; ", "")})
    assert rules(git.check("--base", "HEAD", code=0)["new"], "error") == []
    sender = '[[sender]]\nfrom = "news.example.com"\nselectors = ["s1"]\n'
    write(tmp_path, {"sendgate.toml": sender})
    document = git.check("--base", "HEAD", code=1)
    assert rules(document["new"], "error") == ["DKIM001 news.example.com"]


def test_a_change_does_not_judge_itself_by_settings_of_its_own(tmp_path: Path) -> None:
    """Ignored rules, --exit-zero and files to write hold as they did at the base."""
    git = Repository.made(tmp_path)
    git.commit("start", {"example.com.yaml": zone(), "sendgate.toml": 'fail-on = "error"\n'})
    settings = (
        'exit-zero = true\nignore = ["DMARC"]\nrecord = "r.json"\noutput = "o"\nquiet = true\n'
    )
    write(tmp_path, {"example.com.yaml": zone(_dmarc=txt(WEAK)), "sendgate.toml": settings})
    done = sendgate(tmp_path, "repo", "--base", "HEAD")
    assert done.exit_code == 1
    assert "(exit-zero, fail-on, ignore, output, quiet, record): taken as before" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        ".git", "example.com.yaml", "sendgate.toml",
    }  # fmt: skip
    # The command line stands above both.
    assert sendgate(tmp_path, "repo", "--base", "HEAD", "--ignore", "DMARC").exit_code == 0
    # What the base had stays, although the change takes the file away.
    git.commit("settings", {"sendgate.toml": 'fail-on = "warning"\n'})
    (tmp_path / "sendgate.toml").unlink()
    done = sendgate(tmp_path, "repo", "--base", "HEAD")
    assert (done.exit_code, "(fail-on): taken as before" in done.stderr) == (0, True)


def test_a_change_adds_nothing_to_the_baseline(tmp_path: Path) -> None:
    """Findings that the change itself calls known are new all the same."""
    git = Repository.made(tmp_path)
    git.commit("start", {"example.com.yaml": zone()})
    write(tmp_path, {"example.com.yaml": zone(_dmarc=txt(WEAK))})
    given = ("repo", "--baseline", "known.json")
    assert sendgate(tmp_path, *given, "--write-baseline").exit_code == 0
    assert sendgate(tmp_path, *given).exit_code == 0
    done = sendgate(tmp_path, *given, "--base", "HEAD")
    assert (done.exit_code, "known findings are new with this change" in done.stderr) == (1, True)
    git.commit("known", {})
    assert sendgate(tmp_path, *given, "--base", "HEAD").exit_code == 0


def test_a_sender_that_the_change_takes_away_is_told(tmp_path: Path) -> None:
    """Without it, less is checked; one that it adds is judged against a base without it."""
    sender = '[[sender]]\nfrom = "news.example.com"\nselectors = ["s1", "gone"]\n'
    git = Repository.made(tmp_path)
    git.commit("start", {"example.com.yaml": zone()})
    write(tmp_path, {"sendgate.toml": sender})
    document = git.check("--base", "HEAD", code=1)
    assert rules(document["new"], "error") == ["DKIM001 news.example.com"]
    git.commit("sender", {})
    (tmp_path / "sendgate.toml").unlink()
    done = sendgate(tmp_path, "repo", "--base", "HEAD")
    assert "this change removes the [[sender]] news.example.com" in done.stderr


def test_in_ci_the_tree_under_test_has_no_file_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration in the tree names no file to write there; elsewhere it may."""
    git = Repository.made(tmp_path)
    git.commit("start", {"example.com.yaml": zone(), "sendgate.toml": 'output = "zone.txt"\n'})
    monkeypatch.setenv("CI", "true")
    done = sendgate(tmp_path, "repo")
    assert (done.exit_code, (tmp_path / "zone.txt").exists()) == (0, False)
    assert "output: not in CI" in done.stderr
    monkeypatch.setenv("CI", "")
    assert sendgate(tmp_path, "repo").exit_code == 0
    assert (tmp_path / "zone.txt").exists()
