"""Plans: what they may say, what a wrong one is told, and that shards cover them."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bio_paws.errors import BioPawsError, ConfigError
from bio_paws_eval.models.checkpoints import exclusive
from bio_paws_eval.options import EvaluationOptions
from bio_paws_eval.sweep.models import find_planned
from bio_paws_eval.sweep.plan import PlannedModel, bundled_plans, read_plan
from bio_paws_eval.sweep.run import Work, join_seeds, options_of_plan, shard_of, trainings_of, work_of_plan
from bio_paws_eval.tasks.registry import Sources

GOOD = {"models": ["./m"], "finetune": ["en"], "seeds": 2}


def write(folder: Path, *grids: object, **others: object) -> str:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({"title": "t", "grids": list(grids), **others}))
    return str(path)


def planned(plan: str, **given: object) -> tuple[EvaluationOptions, ...]:
    return options_of_plan(plan, Sources(**given), "cpu", Path("out"))  # type: ignore[arg-type]


def test_a_plan_becomes_options(tmp_path: Path) -> None:
    grid = {
        **{"models": ["gpt2", {"id": "me/x", "revision": "v1"}, "./near"], "finetune": ["en", "fr"], "seeds": [3, 5]},
        **{"finetune_on": ["dyck"], "controls": ["none", "random-init"], "configs": ["dna150"], "limit": 9},
        **{"recipe": {"name": "xtreme", "learning_rate": "1e-3", "epochs": 1}, "segment": "none", "dtype": "bfloat16"},
    }
    first, second, third = planned(write(tmp_path, grid))
    assert (first.model, second.model, second.revision, third.model) == ("gpt2", "me/x", "v1", str(tmp_path / "near"))
    assert first.train_on == ("pawsx_en", "pawsx_fr", "dyck")
    assert (first.controls, first.seeds, first.configs) == (("none", "random-init"), (3, 5), ("dna150",))
    assert (first.hyperparameters.learning_rate, first.hyperparameters.epochs, first.hyperparameters.batch_size) == (
        1e-3,
        1,
        32,
    )
    assert (first.segment, first.dtype, first.limit) == (None, "bfloat16", 9)
    assert planned(write(tmp_path, grid), limit=4)[0].limit == 4
    assert planned(write(tmp_path, GOOD))[0].seeds == (0, 1)


def test_earlier_names_of_the_probe_are_read_as_today(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    today = planned(write(tmp_path, GOOD | {"method": "probe"}))
    assert planned(write(tmp_path, GOOD | {"method": "frozen"})) == today
    assert not caplog.text
    assert planned(write(tmp_path, GOOD | {"controls": ["frozen"]})) == today
    assert "control frozen is the method probe now" in caplog.text
    both = planned(write(tmp_path, GOOD | {"controls": ["none", "frozen"], "vectors": {}}, GOOD | {"seeds": 3}))
    assert both == (*planned(write(tmp_path, GOOD, GOOD | {"seeds": 3})), *today)


WRONG = {
    "unknown key": (GOOD | {"modles": 1}, "grids[0].modles: no such option"),
    "missing key": ({"finetune": ["en"]}, "grids[0].models: is missing"),
    "key of the machine": (GOOD | {"out": "x"}, "grids[0].out: no such option"),
    "seeds": (GOOD | {"seeds": "five"}, "grids[0].seeds: input should be a valid list, not 'five'"),
    "one seed": (GOOD | {"seeds": [1, True]}, "grids[0].seeds[1]: input should be a valid integer, not True"),
    "no seeds": (GOOD | {"seeds": 0}, "grids[0].seeds: 0 seeds: pass 1 to 10,000 seeds"),
    "many seeds": (GOOD | {"seeds": 10**13}, "grids[0].seeds: 10000000000000 seeds: pass 1 to 10,000 seeds"),
    "models": (GOOD | {"models": "x"}, "grids[0].models: input should be a valid list"),
    "model": (GOOD | {"models": [{"idd": "x"}]}, "grids[0].models[0].idd: no such option"),
    "two models": (GOOD | {"models": [{"id": "x", "pretrain": "y"}]}, "models[0]: give one of id, package"),
    "folder of nothing": (GOOD | {"models": [{"id": "x", "folder": "y"}]}, "folder with package"),
    "config": (GOOD | {"configs": ["dna15"]}, "grids[0].configs[0]: unknown config 'dna15': choose from"),
    "control": (GOOD | {"controls": ["frozn"]}, "grids[0].controls[0]: unknown control 'frozn'"),
    "language": (GOOD | {"finetune": ["xx"]}, "grids[0].finetune[0]: unknown language 'xx'"),
    "nothing": (GOOD | {"finetune": []}, "grids[0]: nothing to fine-tune on"),
    "recipe": (GOOD | {"recipe": "papre"}, "grids[0].recipe: unknown recipe 'papre': choose from paper"),
    "epochs": (
        GOOD | {"recipe": {"epochs": 0}},
        "grids[0].recipe.epochs: input should be greater than or",
    ),
    "key of recipe": (GOOD | {"recipe": {"lr": 1}}, "grids[0].recipe.lr: no such option"),
    "limit": (GOOD | {"limit": 0}, "grids[0].limit: input should be greater than or equal to 1, not 0"),
    "segment": (GOOD | {"segment": 1.5}, "grids[0].segment: 1.5 is neither"),
    "dtype": (GOOD | {"dtype": "int8"}, "grids[0].dtype: unknown dtype 'int8': choose from float32, bfloat16"),
    "package": (GOOD | {"models": [{"package": "no_such", "folder": "x"}]}, "no-such is not installed"),
    "pretrain": (
        GOOD | {"models": [{"pretrain": "nowhere"}]},
        "recipe 'nowhere' is neither a file nor one of",
    ),
    "vectors": (GOOD | {"vectors": {"words": 4}}, "grids[0].vectors.words: input should be greater than or equal to 5"),
    "key of vectors": (GOOD | {"vectors": {"word": 5}}, "grids[0].vectors.word: no such option"),
    "vectors of nothing": (GOOD | {"controls": ["untuned"], "vectors": {}}, "before and after a training, and nothing"),
    "grid": (3, "grids[0]: input should be a dictionary, not 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_plan_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    grid, message = WRONG[case]
    plan = write(tmp_path, grid)
    with pytest.raises(BioPawsError) as refused:
        planned(plan)
    assert str(refused.value).startswith(f"{plan}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [", "not YAML"),
        ("[" * 10_000, "not YAML: nested too deeply"),
        ("title: a\ntitle: b\ngrids: []", "not YAML: a key is given twice: 'title' in line 2"),
        ("title: !!int ''", "not YAML"),
        ("title: !!python/name:os.system", "not YAML: could not determine a constructor"),
        ("&a [*a]", "the plan: input should be a dictionary"),
        ("title: t\ngrids: &g [{models: *g}]", "grids[0].models[0].models: no such option"),
        ("1: 2", "title: is missing"),
        ("", "the plan: input should be a dictionary"),
        ("title: 1\ngrids: []", "title: input should be a valid string, not 1"),
        ("title: t\ngrids: []", "grids: list should have at least 1 item"),
        ("title: t\ngrids: [{models: [x], finetune: [en], seeds: 1}]\nseeds: 3", "seeds: no such option"),
    ],
)
def test_what_is_no_plan_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(BioPawsError) as refused:
        read_plan(str(path))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(
        BioPawsError, match=r"no such plan .*controls, length, reference, reproduce, seeds, smoke, table1"
    ):
        read_plan("tabel1")


@pytest.mark.parametrize("name", bundled_plans())
def test_bundled_plans_can_be_run(name: str) -> None:
    plan = planned(name)
    assert plan
    assert read_plan(name).title


def test_the_plans_are_those_of_the_paper() -> None:
    (seeds,) = planned("seeds")
    assert (len(seeds.seeds), seeds.configs) == (30, ("pawsx_fr", "dna150"))
    trainings = trainings_of(planned("controls"))
    assert {(training.train_on, training.controls) for training in trainings} >= {
        (("pawsx_en",), ("none",)),
        (("pawsx_en",), ("shuffled-labels",)),
        (("pawsx_en",), ("random-init",)),
        (("none",), ("none",)),
        (("dyck",), ("none",)),
        (("dna150",), ("none",)),
    }
    assert len({training.model for training in planned("table7")}) == 4
    for name in ("table4", "table5"):
        assert len({on for options in planned(name) for on in options.train_on}) == 7


_GRIDS = st.lists(
    st.fixed_dictionaries(
        {
            "finetune_on": st.lists(st.sampled_from(["dyck", "dna150"]), unique=True),
            "controls": st.lists(st.sampled_from(["none", "untuned", "random-init"]), min_size=1, unique=True),
            "seeds": st.lists(st.integers(0, 5), min_size=1, unique=True),
            "configs": st.none() | st.lists(st.sampled_from(["dna150", "dna50", "pawsx_fr"]), min_size=1, unique=True),
            "model": st.sampled_from(["a", "b"]),
        }
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(_GRIDS, st.integers(1, 5))
def test_shards_neither_overlap_nor_miss_anything(grids: list[dict[str, object]], shards: int) -> None:
    (base,) = planned_base()
    made = [
        replace(base, **{name: tuple(value) if isinstance(value, list) else value for name, value in grid.items()})  # type: ignore[arg-type]
        for grid in grids
    ]
    trainings = trainings_of(made)
    work = Work(tuple(trainings), (), ())
    parts = [shard_of(work, number, shards).trainings for number in range(1, shards + 1)]
    assert sorted(map(repr, trainings)) == sorted(repr(training) for part in parts for training in part)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    planned_cells = [cell for part in parts for join_seed in join_seeds(part) for cell in cells(join_seed)]
    assert len(planned_cells) == len({cell[:4] for cell in planned_cells})  # no training is done twice
    configs_of = {cell[:4]: cell[4] for cell in planned_cells}
    for settings_ in made:
        for *training, configs in cells(settings_):
            there = configs_of[tuple(training)]
            assert there is None or (configs is not None and set(configs) <= set(there))


def test_what_is_compared_is_kept_and_in_one_shard(tmp_path: Path) -> None:
    grid = GOOD | {"controls": ["none", "random-init", "untuned"], "seeds": [4, 2, 7], "finetune_on": ["dyck"]}
    plan = write(tmp_path, grid | {"vectors": {}}, GOOD | {"seeds": 5, "configs": ["dna50"]}, baselines=True)
    work = work_of_plan(plan, Sources(), "cpu", tmp_path)
    (comparing,) = work.comparisons
    ways = [("pawsx_en", "none"), ("pawsx_en", "random-init"), ("dyck", "none"), ("dyck", "random-init")]
    assert [(training.train_on[0], training.controls[0], training.seeds) for training in comparing.trainings] == [
        (*way, (4,)) for way in ways
    ]
    assert {replace(training, configs=None) for training in work.trainings if training.save_models} == set(
        comparing.trainings
    )
    assert len(work.trainings) == 3 * 5 + 3  # and of the second grid the seeds 0, 1 and 3
    parts = [shard_of(work, number, 3) for number in (1, 2, 3)]
    assert sorted(len(part.comparisons) for part in parts) == [0, 0, 1]
    assert [len(part.baselines) for part in parts] == [1, 0, 0]
    assert sum(len(part.trainings) for part in parts) == len(work.trainings)
    for part in parts:
        kept = [training for training in part.trainings if training.save_models]
        assert len(kept) == (len(comparing.trainings) if part.comparisons else 0)


@pytest.mark.parametrize("method", ["probe", "cosine"])
def test_methods_that_change_no_weights_stand_beside_what_is_compared(tmp_path: Path, method: str) -> None:
    plan = write(tmp_path, GOOD | {"vectors": {}, "seeds": 1}, GOOD | {"method": method, "seeds": 1})
    trainings = work_of_plan(plan, Sources(), "cpu", tmp_path).trainings
    assert {training.method: training.save_models for training in trainings} == {"fine-tune": True, method: False}


def test_libraries_are_missed_before_a_training_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bio_paws_eval.sweep.compare.find_spec", lambda name: None if name == "umap" else object())
    plan = write(tmp_path, GOOD | {"vectors": {}})
    with pytest.raises(BioPawsError, match="vectors need umap, which is not installed"):
        work_of_plan(plan, Sources(), "cpu", tmp_path)


def planned_base() -> tuple[EvaluationOptions, ...]:
    return options_of_plan("seeds", Sources(), "cpu", Path("out"))


def cells(training: EvaluationOptions) -> list[tuple[object, ...]]:
    trainings = product([training.model], training.train_on, training.controls, training.seeds)
    return [
        (
            model,
            "none" if control == "untuned" else on,
            "none" if control == "untuned" else control,
            seed,
            training.configs,
        )
        for model, on, control, seed in dict.fromkeys(trainings)
    ]


def test_two_runs_never_do_one_training_at_once(tmp_path: Path) -> None:
    order: list[str] = []
    began, waiting = threading.Event(), threading.Event()

    def first() -> None:
        with exclusive(tmp_path / "lock"):
            began.set()
            waiting.wait(5)
            order.append("first done")

    def second() -> None:
        waiting.set()
        with exclusive(tmp_path / "lock"):
            order.append("second began")

    first_thread, second_thread = threading.Thread(target=first), threading.Thread(target=second)
    first_thread.start()
    assert began.wait(5)
    second_thread.start()
    first_thread.join()
    second_thread.join()
    assert order == ["first done", "second began"]


def test_a_package_is_located_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("located", "located/inner"):
        (tmp_path / folder / "weights").mkdir(parents=True)
        (tmp_path / folder / "__init__.py").write_text("raise SystemExit('code of a package was run')")
    (tmp_path / "module.py").write_text("raise SystemExit('code of a module was run')")
    monkeypatch.syspath_prepend(str(tmp_path))

    def locate(package: str) -> str:
        return find_planned(PlannedModel(package=package, folder="weights"), tmp_path)

    assert locate("located") == str(tmp_path / "located/weights")
    assert locate("located.inner") == str(tmp_path / "located/inner/weights")
    for name in ("module", "this", "located.none", "__main__", "none.inner"):
        with pytest.raises(ConfigError, match=f"{name.split('.')[0].replace('_', '-')} is not installed"):
            locate(name)
    assert not {"located", "located.inner", "module", "this"} & sys.modules.keys()


@pytest.mark.parametrize("name", ["..a", "a b", "a/b", "", "."])
def test_what_is_no_name_of_a_package_is_no_plan(name: str, tmp_path: Path) -> None:
    plan = write(tmp_path, GOOD | {"models": [{"package": name, "folder": "x"}]})
    with pytest.raises(ConfigError, match=r"grids\[0\]\.models\[0\]"):
        read_plan(plan)


def test_what_reproduces_the_reference_is_a_part_of_it() -> None:
    """Otherwise its results would be others."""
    (grid,), (of_reference, *_) = read_plan("reproduce").grids, read_plan("reference").grids
    assert (grid.models, grid.recipe, grid.dtype, grid.limit) == (
        of_reference.models,
        of_reference.recipe,
        of_reference.dtype,
        of_reference.limit,
    )
    assert set(grid.finetune_on) <= set(of_reference.finetune_on)
    assert set(grid.configs) <= set(of_reference.configs)
