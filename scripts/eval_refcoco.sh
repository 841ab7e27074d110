#!/usr/bin/env bash
# RefCOCO, RefCOCO+, RefCOCOg and ReferIt: accuracy (IoU of 0.5 or more) of boxes, as TransVG and SegVG count it.
# NAME chooses: refcoco (default), refcoco+, refcocog-google, refcocog-umd, referit; SPLIT: val, testA, testB, test.
#
# Published, percent, supervised, SegVG: RefCOCO val 86.84, testA 89.46, testB 83.07; RefCOCO+ 77.18, 82.63, 67.59;
# RefCOCOg val-g 76.01, val-u 78.35, test-u 77.42; ReferIt test 75.59. Nothing for RSVG-ZeroOV.
#
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" "${NAME:-refcoco}" val "transvg honest" "paper fast" "$@"
