#!/usr/bin/env bash
# What every scripts/eval_*.sh does: verify the data, then run and score each recipe. Not called by hand.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage of a caller: bash scripts/eval_X.sh DATA_ROOT [RUNS_DIR] [options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes, SPLIT=val another split. Interrupted, the same command goes on where it was. No
# environment needs to be activated: find_zeroov.sh finds the checkout's .venv, and ZEROOV names another command. On n
# GPUs, LAUNCH="torchrun --nproc-per-node n -m zeroov" is what `bench run` alone is started with.
set -euo pipefail
source "$(dirname "$0")/find_zeroov.sh"
name=$1 default_split=$2 protocols=$3 recipes=$4
shift 4
root=${1:?usage: bash scripts/eval_X.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/$name}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-$default_split}
mkdir -p "$runs"
# As in the published protocols, whatever the recipe: words that deny the object decide nothing, and all that SAM draws counts.
published=(--set said_absent=keep --set refine.least_part=0)

$zeroov bench data "$name" --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-$recipes}; do
    ${LAUNCH:-$zeroov} bench run "$name" --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "${published[@]}" "$@"
    for protocol in $protocols; do
        $zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
