"""The exceptions that users catch: their tree, and the exit status of each."""

from __future__ import annotations

import pickle

import pytest

from bio_paws import errors

TREE = {
    errors.BioPawsError: 2,
    errors.SourceError: 2,
    errors.ConfigError: 2,
    errors.DataError: 2,
    errors.DamagedFile: 2,
    errors.ModelError: 2,
    errors.HubError: 2,
    errors.BuildFailed: 1,
    errors.CheckFailed: 1,
}


def test_the_tree_holds_every_exception_of_the_module() -> None:
    defined = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined == set(TREE)


@pytest.mark.parametrize(("error", "status"), TREE.items(), ids=lambda value: getattr(value, "__name__", None))
def test_each_is_a_bio_paws_error_with_its_exit_status(error: type[errors.BioPawsError], status: int) -> None:
    assert issubclass(error, errors.BioPawsError)
    assert error.exit_status == status
    # Worker processes send their errors back pickled.
    copy = pickle.loads(pickle.dumps(error("genome.fna: is empty")))
    assert (type(copy), str(copy), copy.exit_status) == (error, "genome.fna: is empty", status)
