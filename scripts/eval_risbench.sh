#!/usr/bin/env bash
# RISBench: second table of RSVG-ZeroOV, test split, 16,159 expressions.
#
# Published, percent:                box Pr@0.5  box mIoU  mask Pr@0.5  mask mIoU
#   RSVG-ZeroOV with SAM                 38.90     38.87        31.03      31.84
#   OV-VG                                22.40     22.85        17.75      16.17
# At which resolution it was scored is not published. oIoU 26.35 as quoted by GeoSelect (protocol rmsin); supervised,
# CroBIM: mIoU 67.32, oIoU 73.61.
#
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" risbench test "rsvg-zeroov rmsin honest" "official paper fast" "$@"
