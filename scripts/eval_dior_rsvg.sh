#!/usr/bin/env bash
# DIOR-RSVG: boxes, test split of June 2023 (7,500 expressions; papers before then used another).
#
# Published, percent, Pr@0.5 / mIoU / oIoU, all supervised: LPVA 82.27 / 72.35 / 85.11, LQVG 82.48 / 73.02 / 81.70
# (a third party's re-run), MB-ORES 85.65 / 77.73 / 83.06. Zero-shot, Pr@0.5: Qwen2-VL 44.25, GeoChat 24.05,
# Qwen2.5-VL-3B 38.23 (a public project's log). ZoomVG publishes no table. Nothing for RSVG-ZeroOV.
#
# Tolerance: a share p over n samples is uncertain by 1.96 * sqrt(p (1 - p) / n); `bench score` prints that interval
# beside each figure. A published figure inside it agrees. Re-runs of one method differ by up to a point in this field.
# None of these figures is ours: this project has had no machine with the weights and the data so far.
#
# usage: bash scripts/eval_dior_rsvg.sh DATA_ROOT [RUNS_DIR] [more options of `zeroov bench run`, e.g. --limit 100]
# RECIPES="fast" chooses recipes. Interrupted, the same command goes on where it was. On n GPUs, start it with
# ZEROOV="torchrun --nproc-per-node n -m zeroov"
set -euo pipefail
root=${1:?usage: bash scripts/eval_dior_rsvg.sh DATA_ROOT [RUNS_DIR] [options]}
runs=${2:-runs/dior-rsvg}
shift $(($# < 2 ? $# : 2))
split=${SPLIT:-test}
mkdir -p "$runs"

zeroov bench data dior-rsvg --root "$root" --split "$split" --sheet "$runs/samples.png"
for recipe in ${RECIPES:-paper fast qwen-sam}; do
    ${ZEROOV:-zeroov} bench run dior-rsvg --root "$root" --split "$split" --recipe "$recipe" \
        --out "$runs/$recipe" --allow-failures "$@"
    for protocol in lqvg mgvlf honest; do
        zeroov bench score "$runs/$recipe" --protocol "$protocol" --by size,category
    done
done
