#!/usr/bin/env bash
# OPT-RSVG: boxes, test split, 24,477 expressions.
#
# Published, percent, Pr@0.5 / mIoU / oIoU, all supervised: LPVA 78.03 / 66.20 / 76.30, MB-ORES 83.81 / 73.18 / 79.29.
# Nothing for RSVG-ZeroOV.
#
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" opt-rsvg test "lpva honest" "paper fast" "$@"
