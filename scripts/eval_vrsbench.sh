#!/usr/bin/env bash
# VRSBench, referring: boxes, 16,159 expressions.
#
# Published, percent, Acc@0.5 / Acc@0.7 over all: GeoChat without fine-tuning 12.9 / 3.2, GPT-4V 5.1 / 1.1,
# GeoChat fine-tuned 49.8 / 19.9. Nothing for RSVG-ZeroOV.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_vrsbench.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
root=${1:?usage: bash scripts/eval_vrsbench.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/vrsbench}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-val}
mkdir -p "$runs"

zeroov bench data vrsbench --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-paper fast qwen-sam}; do
    ${ZEROOV:-zeroov} bench run vrsbench --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in vrsbench honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
