#!/usr/bin/env bash
# RefCOCO, RefCOCO+, RefCOCOg and ReferIt: accuracy (IoU of 0.5 or more) of boxes, as TransVG and SegVG count it.
# NAME chooses: refcoco (default), refcoco+, refcocog-google, refcocog-umd, referit; SPLIT: val, testA, testB, test.
#
# Published, percent, supervised, SegVG: RefCOCO val 86.84, testA 89.46, testB 83.07; RefCOCO+ 77.18, 82.63, 67.59;
# RefCOCOg val-g 76.01, val-u 78.35, test-u 77.42; ReferIt test 75.59. Nothing for RSVG-ZeroOV.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_refcoco.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
name=${NAME:-refcoco}
root=${1:?usage: bash scripts/eval_refcoco.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/$name}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-val}
mkdir -p "$runs"

zeroov bench data "$name" --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-paper fast}; do
    ${ZEROOV:-zeroov} bench run "$name" --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in transvg honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
