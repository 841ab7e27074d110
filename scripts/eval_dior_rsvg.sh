#!/usr/bin/env bash
# DIOR-RSVG: boxes, test split of June 2023 (7,500 expressions; papers before then used another).
#
# Published, percent, Pr@0.5 / mIoU / oIoU, all supervised: LPVA 82.27 / 72.35 / 85.11, LQVG 82.48 / 73.02 / 81.70
# (a third party's re-run), MB-ORES 85.65 / 77.73 / 83.06. Zero-shot, Pr@0.5: Qwen2-VL 44.25, GeoChat 24.05,
# Qwen2.5-VL-3B 38.23 (a public project's log). ZoomVG publishes no table. Nothing for RSVG-ZeroOV.
#
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" dior-rsvg test "lqvg mgvlf honest" "paper fast qwen-sam" "$@"
