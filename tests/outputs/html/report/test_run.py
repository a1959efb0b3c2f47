import json

from nerveceg.outputs.html.report.run import read_run


def fold(run, number):
    for stage, name in (("cls", "auroc"), ("seg", "dice")):
        folder = run / f"fold_{number}" / stage
        folder.mkdir(parents=True)
        (folder / "log.jsonl").write_text(json.dumps({"epoch": 1, "loss": 1.0, name: 0.5}) + "\n")
        split = {"by": "subject", "folds": 2, "fold": number}
        facts = {
            "class": "Net",
            "arguments": {"encoder": "b4"},
            "split": split,
            "data": "/home/me/uns",
        }
        (folder / "config.json").write_text(json.dumps(facts))
        (folder / "config.yaml").write_text("data: {root: /home/me/uns}\nseed: 3\n")


def test_a_run_of_folds_is_read_from_all_of_them(tmp_path):
    for number in (0, 1):
        fold(tmp_path, number)
    pipeline = {"trained_on": ["a", "b", "c"], "views": [{}, {}]}
    (tmp_path / "pipeline.json").write_text(json.dumps(pipeline))
    run = read_run(tmp_path)
    assert list(run.logs["cls"]) == ["fold_0", "fold_1"]
    assert run.networks == ("cls: b4, 2 folds", "seg: b4, 2 folds")
    assert (run.trained_on, run.views) == (3, 2)
    assert run.split == "by subject, folds 2"
    assert run.data == ".../uns"
    assert "seed: 3" in run.configuration
    assert "/home" not in run.configuration


def test_an_empty_folder_gives_no_facts(tmp_path):
    run = read_run(tmp_path)
    assert run.configuration == ""
    assert run.networks == ()
    assert run.pairs is None
    assert run.packages["torch"]


def test_contradictory_pairs_come_from_the_audit_in_the_folder(tmp_path):
    (tmp_path / "audit").mkdir()
    lines = ["subject,first,second,ncc,kind", "1,1_1,1_2,0.99,presence", "1,1_3,1_4,0.98,agrees"]
    (tmp_path / "audit" / "pairs.csv").write_text("\n".join(lines) + "\n")
    run = read_run(tmp_path)
    assert (run.pairs, run.conflicts_found) == (2, 1)
    assert run.conflicts[0]["second"] == "1_2"


def test_files_that_are_damaged_cost_their_facts_alone(tmp_path):
    fold(tmp_path, 0)
    (tmp_path / "fold_0" / "seg" / "config.json").write_text("{")
    (tmp_path / "fold_0" / "seg" / "config.yaml").write_text("a: [")
    run = read_run(tmp_path)
    assert run.configuration == ""
    assert run.networks == ("cls: b4",)
