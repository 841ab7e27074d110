#!/usr/bin/env bash
# RSVG-HR: boxes of small objects in 1,024-pixel images, test split, 499 expressions. LQVG's figures are in its paper
# only, which we could not read.
#
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" rsvg-hr test "lqvg honest" "paper fast" "$@"
