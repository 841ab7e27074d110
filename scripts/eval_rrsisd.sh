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
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" rrsisd test "rsvg-zeroov rmsin honest" "official paper fast qwen-sam" "$@"
