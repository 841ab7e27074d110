#!/usr/bin/env bash
# RISBench: second table of RSVG-ZeroOV, test split, 16,159 expressions.
#
# Published, percent:                box Pr@0.5  box mIoU  mask Pr@0.5  mask mIoU
#   RSVG-ZeroOV with SAM                 38.90     38.87        31.03      31.84
#   OV-VG                                22.40     22.85        17.75      16.17
# At which resolution it was scored is not published. oIoU 26.35 as quoted by GeoSelect (protocol rmsin); supervised,
# CroBIM: mIoU 67.32, oIoU 73.61.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_risbench.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
root=${1:?usage: bash scripts/eval_risbench.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/risbench}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-test}
mkdir -p "$runs"

zeroov bench data risbench --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-official paper fast}; do
    ${ZEROOV:-zeroov} bench run risbench --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in rsvg-zeroov rmsin honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
