"""`bio-paws install`: fill the datasets cache, so that load_dataset("bioPAWS", config) works from any folder."""

from __future__ import annotations

from pathlib import Path

from bio_paws.build.datasets_builder import BioPaws
from bio_paws.dataset.manifest import read_manifest


def install(folder: Path) -> dict[str, str]:
    """Copy every config of a data set into the datasets cache.

    Returns
    -------
    dict of str to str
        Where each config lies in the cache.

    Raises
    ------
    BioPawsError
        When `folder` holds no data set.
    """
    places = {}
    for name, entry in read_manifest(folder).configs.items():
        builder = BioPaws(dataset_name="bioPAWS", config_name=name, hash=entry.content_sha256, folder=folder.absolute())
        builder.download_and_prepare()
        places[name] = str(builder.cache_dir)
    return places
