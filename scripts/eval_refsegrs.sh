#!/usr/bin/env bash
# RefSegRS: test split, 1,817 expressions. Masks are semantic ("all vehicles"): one referent is not their question, so
# low figures are expected of a method that finds one object. Nothing is published for RSVG-ZeroOV.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_refsegrs.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
root=${1:?usage: bash scripts/eval_refsegrs.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/refsegrs}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-test}
mkdir -p "$runs"

zeroov bench data refsegrs --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-paper fast}; do
    ${ZEROOV:-zeroov} bench run refsegrs --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in lavt rrsis honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
