#!/usr/bin/env bash
# RSVG-HR: boxes of small objects in 1,024-pixel images, test split, 499 expressions. LQVG's figures are in its paper
# only, which we could not read.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_rsvg_hr.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
root=${1:?usage: bash scripts/eval_rsvg_hr.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/rsvg-hr}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-test}
mkdir -p "$runs"

zeroov bench data rsvg-hr --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-paper fast}; do
    ${ZEROOV:-zeroov} bench run rsvg-hr --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in lqvg honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
