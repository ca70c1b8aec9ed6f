"""Where and how work runs: stages on disk, process pools, Dask, shared storage, atomic files, memory."""
