"""BUILD, from top to bottom: sources -> sequences -> hits -> regions -> similar -> dissimilar -> rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from bio_paws.align.smith_waterman import Alphabet
from bio_paws.build import adversarial, candidate_windows, coding, gene_regions, partition, similarity_search
from bio_paws.build.candidates import Candidates
from bio_paws.build.cross_split_filter import CrossSplitFilter
from bio_paws.build.negatives import make_quartets
from bio_paws.build.pair_filter import PairFilter, database_size
from bio_paws.build.pairs import DistinctSequences, write_pairs
from bio_paws.build.regions import RegionIndex
from bio_paws.build.seeding import seeded
from bio_paws.configs import CONFIGS, LARGEST_WHOLE, PairConfig, SearchFrom
from bio_paws.errors import BioPawsError
from bio_paws.execution.executors import Cluster, open_cluster, open_executor
from bio_paws.execution.files import read_arrow, write_arrow
from bio_paws.execution.stage_keys import BUILD_PACKAGES, SEARCH_PACKAGES, stage_key
from bio_paws.execution.stages import Workdir, are_finished, is_finished
from bio_paws.search import blast, engines
from bio_paws.sequences.corpus import Corpus, explained_by
from bio_paws.sequences.corpus_files import CorpusFiles
from bio_paws.sources import resolve

ALPHABETS: tuple[Alphabet, ...] = ("dna", "protein")


@dataclass(frozen=True)
class BuildOptions:
    """What a build is made from, and where.

    Attributes
    ----------
    source : tuple of str
        Names and paths of sources, as ``--source`` takes them.
    seed : int
        Seed of every random choice.
    pairs : int, optional
        Pairs of each config; by default the config's own number.
    workers : int
        Processes.
    work : Path
        Folder of finished stages.
    engine : str
        Search engine for similar proteins: a name in `bio_paws.search.engines.ENGINES`, or ``"auto"``.
    cluster : Cluster, optional
        Where the stages run; by default in processes of this machine.
    molecules : tuple of str
        What is searched for similar sequences: the hits decide the regions. `searched_molecules` says what the configs
        need; more where they are added to a data set for which both were searched.
    holdout : tuple of str
        Organisms of the test split alone.
    search_from : {"auto", "genomes", "genes"}
        What is searched for similar DNA: whole genomes, or regions around genes (`bio_paws.build.gene_regions`).
    """

    source: tuple[str, ...] = ("bundled",)
    seed: int = 0
    pairs: int | None = None
    workers: int = 1
    work: Path = Path(".bio-paws-work")
    engine: str = engines.AUTO
    cluster: Cluster | None = None
    molecules: tuple[Alphabet, ...] = ("dna", "protein")
    holdout: tuple[str, ...] = ()
    search_from: SearchFrom = "auto"


@dataclass(frozen=True)
class Prepared:
    """What all configs of a build share.

    Attributes
    ----------
    options : BuildOptions
        The engine is the one that was chosen.
    assemblies : tuple of Assembly
        What the sources were resolved to.
    files : CorpusFiles
        The corpus on disk: whole, or regions around genes.
    from_genes : GeneRegions, optional
        What these regions hold.
    hits : dict of str to Path
        Hits of the corpus against itself, schema `similarity_search.HIT_INTERVALS`, by molecule: those that are
        searched and in the source.
    regions : Path
        Regions with their groups and splits, schema `regions.REGIONS`.
    work : Workdir
        Where results of the stages of configs are kept.
    executor : Executor
        What runs the shards of stages.
    """

    options: BuildOptions
    assemblies: tuple[resolve.Assembly, ...]
    files: CorpusFiles
    from_genes: gene_regions.GeneRegions | None
    hits: dict[str, Path]
    regions: Path
    work: Workdir
    executor: Executor


def searched_molecules(wanted: Iterable[PairConfig]) -> tuple[Alphabet, ...]:
    """Return what must be searched for similar sequences to build configs: DNA, proteins or both.

    Examples
    --------
    >>> from bio_paws.configs import get_config
    >>> searched_molecules([get_config("dna150"), get_config("dna50")])
    ('dna',)
    >>> searched_molecules([get_config("dna_protein")])
    ('dna', 'protein')
    """
    molecules = {config.molecule for config in wanted}
    if "dna_protein" in molecules:
        return ALPHABETS
    return tuple(alphabet for alphabet in ALPHABETS if alphabet in molecules)


def missing_input(config: PairConfig, corpus: Corpus) -> str:
    """Say what a config needs that the corpus does not hold; empty when nothing is missing."""
    if config.molecule == "dna":
        return "" if corpus.dna else "DNA sequences"
    if config.molecule == "protein":
        return "" if corpus.proteins else "proteins"
    return "" if any(gene.span.source in corpus.dna for gene in corpus.genes.values()) else "genes on their genome"


@contextmanager
def prepare(options: BuildOptions) -> Iterator[Prepared]:
    """Read the sources, search them against themselves, and assign their regions to splits.

    Raises
    ------
    BioPawsError
        When a source cannot be read, a program is missing, or the cluster cannot do the work.
    """
    # First of all: a cluster that cannot do the work should not turn up after an hour.
    with ExitStack() as stack:
        executor = stack.enter_context(_open_executor(options))
        assemblies = resolve.resolve(options.source)
        engines.versions(options.engine)  # nor should a missing program
        inputs = [
            (made.accession, made.organism, *sorted(made.organisms.items()), file.role, file.sha256)
            for made in assemblies
            for file in made.files
        ]
        # Reading and searching are most of the work before the configs: their key covers no more than what they run.
        key = stage_key(similarity_search.__name__, packages=SEARCH_PACKAGES, values=(inputs, blast.version()))
        searches = Workdir(options.work, key)
        files = CorpusFiles.of(searches)
        if not files.are_finished():
            files.make(assemblies)
        genome_bases = files.genome_bases()
        files, searches = _choose_regions(files, searches, options)
        hits: dict[str, Path] = {}
        corpus = files.load()
        stack.enter_context(explained_by(corpus.rejected))
        residues = database_size(corpus, "protein") if "protein" in options.molecules else 0
        engine = engines.choose_engine(options.engine, residues)
        options = replace(options, engine=engine.name)
        if "dna" in options.molecules and corpus.dna:
            hits["dna"] = similarity_search.search_dna(files, searches, executor)
        if "protein" in options.molecules and corpus.proteins:
            hits["protein"] = similarity_search.search_proteins(files, searches, executor, engine)
        # From here on results depend on the regions, and so on what was searched, and by which engine.
        depends_on = (searches.key, engines.versions(engine.name), list(hits), options.holdout)
        work = Workdir(options.work, stage_key(__name__, packages=BUILD_PACKAGES, values=depends_on))
        _check_organisms(options.holdout, corpus)
        regions = work.path("regions", ".arrow", options.seed)
        if not is_finished(regions):
            dna_hits, protein_hits = (
                read_arrow(hits[molecule]) if molecule in hits else similarity_search.HIT_INTERVALS.empty_table()
                for molecule in ALPHABETS
            )
            write_arrow(regions, partition.make_regions(corpus, dna_hits, protein_hits, options.seed, options.holdout))
        from_genes = gene_regions.describe_regions(corpus, genome_bases) if corpus.places else None
        yield Prepared(options, assemblies, files, from_genes, hits, regions, work, executor)


def _choose_regions(files: CorpusFiles, searches: Workdir, options: BuildOptions) -> tuple[CorpusFiles, Workdir]:
    """Return the corpus that a build searches, whole or around genes, and where the searches of it are kept."""
    large = files.genome_bases() > LARGEST_WHOLE
    if options.search_from == "genomes" or (options.search_from == "auto" and not large):
        return files, searches
    count = options.pairs or max(config.pairs for config in CONFIGS)
    key = stage_key(gene_regions.__name__, packages=SEARCH_PACKAGES, values=(searches.key, count, options.seed))
    around_genes = Workdir(options.work, key)
    regions = replace(CorpusFiles.of(around_genes), residues=files.residues)
    if not regions.are_finished():
        corpus = gene_regions.restrict_to_genes(files.load(), count, options.seed)
        if corpus is None and options.search_from == "auto":
            return files, searches
        if corpus is None:
            raise BioPawsError("--search-from genes: the source holds no genes on their genome: leave it out")
        regions.write_tables(corpus)
    return regions, around_genes


def _check_organisms(names: Iterable[str], corpus: Corpus) -> None:
    organisms = sorted(set(corpus.organism.values()))
    for name in names:
        if name not in organisms:
            raise BioPawsError(f"--holdout-organism {name}: the sources hold {', '.join(organisms)}")


def _open_executor(options: BuildOptions) -> Executor:
    if options.cluster:
        return open_cluster(options.cluster, options.work, options.engine)
    return open_executor(options.workers)


def make_config(config: PairConfig, prepared: Prepared) -> tuple[dict[str, Path], Counter[str]]:
    """Make one config: an Arrow file of pairs for each split, and the count of every outcome on the way."""
    options, corpus = prepared.options, prepared.files.load()
    pairs = options.pairs or config.pairs
    parameters = (config.name, vars(config), options.seed, pairs)
    paths = {split: prepared.work.path("pairs", ".arrow", *parameters, split) for split in config.quotas(pairs)}
    counted = prepared.work.path("outcomes", ".arrow", *parameters)
    if not are_finished((*paths.values(), counted)):
        if need := missing_input(config, corpus):
            raise BioPawsError(f"{config.name}: the source holds no {need}: add a source that does, or leave it out")
        region_index = RegionIndex(read_arrow(prepared.regions))
        cross_split_filter = CrossSplitFilter(corpus, region_index, prepared.executor)
        make = _coding_pairs if config.molecule == "dna_protein" else _homologous_pairs
        outcomes = make(config, prepared, region_index, cross_split_filter, pairs, paths)
        write_arrow(
            counted, pa.table({"outcome": sorted(outcomes), "count": [outcomes[name] for name in sorted(outcomes)]})
        )
    stored = read_arrow(counted)
    return paths, Counter(dict(zip(stored["outcome"].to_pylist(), stored["count"].to_pylist(), strict=True)))


Paths = dict[str, Path]


def _coding_pairs(
    config: PairConfig,
    prepared: Prepared,
    region_index: RegionIndex,
    cross_split_filter: CrossSplitFilter,
    pairs: int,
    paths: Paths,
) -> Counter[str]:
    made = coding.CodingPairs(
        config, prepared.files, region_index, prepared.work, prepared.executor, prepared.options.seed
    )
    tables, outcomes = made.make(cross_split_filter, pairs)
    for split, path in paths.items():
        write_pairs(path, [gene_regions.on_genomes(tables[split], prepared.files.load())], config, split)
    return outcomes


def _homologous_pairs(
    config: PairConfig,
    prepared: Prepared,
    region_index: RegionIndex,
    cross_split_filter: CrossSplitFilter,
    pairs: int,
    paths: Paths,
) -> Counter[str]:
    seed, hits = prepared.options.seed, prepared.hits[config.molecule]
    shard = adversarial.quartet_shard if config.rearranged else candidate_windows.candidate_shard
    candidates, outcomes = candidate_windows.find_candidates(
        config, prepared.files, prepared.regions, hits, prepared.work, prepared.executor, seed, pairs, shard
    )
    pair_filter = PairFilter(config, prepared.files.load(), region_index)
    pair_keys: set[int] = set()
    earlier: list[Path] = []
    for split, quota in config.quotas(pairs).items():
        rng = seeded(seed, config.name, "squares", split)
        later, longest = config.rearranged, config.max_length
        searcher = cross_split_filter.searcher(
            split, pair_filter.alphabet, DistinctSequences(tuple(earlier)), later=later, longest=longest
        )
        with searcher as leaks:
            if config.rearranged:
                quartets, more = adversarial.choose_rearranged(config, candidates, split, quota, rng, pair_keys, leaks)
            else:
                here = Candidates.read(candidates, split)
                quartets, more = make_quartets(
                    config, here, pair_filter, quota, rng, pair_keys, leaks if earlier else None
                )
                del here  # none is there beside those of the next split
        outcomes.update(more)
        rows = (gene_regions.on_genomes(table, prepared.files.load()) for table in quartets)
        write_pairs(paths[split], rows, config, split)
        earlier.append(paths[split])
    return outcomes
