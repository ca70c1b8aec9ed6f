#!/bin/sh
# Set up the virtual environment $1 with the extras $2 of this project in the tested versions, and BLAST+ where it is
# missing and may be installed.
set -eu
venv=$1
extras=$2
python=${PYTHON:-python3.11}

if ! command -v blastn >/dev/null 2>&1; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ncbi-blast+
    else
        echo "BLAST+ is missing: run 'sudo apt-get install ncbi-blast+' (or conda install -c bioconda blast), then run make again" >&2
        exit 2
    fi
fi

if ! [ -x "$venv/bin/pip" ] && ! "$python" -m venv "$venv" 2>/dev/null; then
    # Debian keeps venv apart from Python itself.
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$(basename "$python")-venv"
        "$python" -m venv --clear "$venv"
    else
        echo "$python cannot make a virtual environment: run 'sudo apt-get install python3.11-venv', then run make again" >&2
        exit 2
    fi
fi
# Python compiles what it imports, a third of what is installed.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e ".[$extras]"
