#!/bin/sh
# The paper's tables on one GPU: sh one-gpu.sh [FOLDER OF RESULTS]. What is finished is not computed again.
# First what it would take: bio-paws sweep PLAN --dry-run states trainings, tokens, time on this device and memory.
set -eu
results=${1:-results}
for plan in table1 table3 table4 table5 table6 table7 seeds controls; do
    # Four small trainings at a time fill a large card.
    bio-paws sweep "$plan" --out "$results" --jobs "${JOBS:-4}"
done
bio-paws report "$results"
