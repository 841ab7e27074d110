#!/usr/bin/env bash
# OPT-RSVG: boxes, test split, 24,477 expressions.
#
# Published, percent, Pr@0.5 / mIoU / oIoU, all supervised: LPVA 78.03 / 66.20 / 76.30, MB-ORES 83.81 / 73.18 / 79.29.
# Nothing for RSVG-ZeroOV.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_opt_rsvg.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
root=${1:?usage: bash scripts/eval_opt_rsvg.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/opt-rsvg}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-test}
mkdir -p "$runs"

zeroov bench data opt-rsvg --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-paper fast}; do
    ${ZEROOV:-zeroov} bench run opt-rsvg --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in lpva honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
