"""From a file, a folder or a Hub id to pairs of sequences with a label. A new format is one entry in `formats`."""
