#!/usr/bin/env bash
# RRSIS-D: the main table of RSVG-ZeroOV (AAAI 2026), test split, 3,481 expressions.
#
# Published, percent, protocol rsvg-zeroov:             box Pr@0.5  box mIoU  mask Pr@0.5  mask mIoU
#   RSVG-ZeroOV with SAM (recipe official, RTX 4090)        31.39     34.49        27.39      28.35
#   without SAM (the same run, --reading coarse)            30.15     32.92        12.84      21.85
#   Qwen2.5-VL's own box (the same run, --reading answer)   28.66
# The official code drops samples that raise, asks only the first phrase of an image in stage 2, and scores at 800 x
# 800; recipe official and protocol rsvg-zeroov reproduce all but the second. oIoU 22.83 as quoted by GeoSelect (protocol
# rmsin).
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_rrsisd.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
root=${1:?usage: bash scripts/eval_rrsisd.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/rrsisd}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-test}
mkdir -p "$runs"

zeroov bench data rrsisd --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-official paper fast qwen-sam}; do
    ${ZEROOV:-zeroov} bench run rrsisd --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in rsvg-zeroov rmsin honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
