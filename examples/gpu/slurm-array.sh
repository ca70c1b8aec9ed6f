#!/bin/sh
#SBATCH --job-name=bio-paws
#SBATCH --gpus=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=12:00:00
#SBATCH --array=1-16
#SBATCH --requeue
# One plan in 16 shards: sbatch --export=PLAN=table3 slurm-array.sh. All shards share one folder of results. A shard that was
# stopped continues from its last checkpoint when it is queued again. Download models and data before, on a node with a
# network: bio-paws sweep PLAN --dry-run does.
set -eu
bio-paws sweep "${PLAN:?name a plan}" --out "${RESULTS:-results}" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
