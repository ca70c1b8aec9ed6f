"""Where sequences come from: bundled packages, NCBI, files and folders."""
