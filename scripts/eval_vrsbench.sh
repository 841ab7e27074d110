#!/usr/bin/env bash
# VRSBench, referring: boxes, 16,159 expressions.
#
# Published, percent, Acc@0.5 / Acc@0.7 over all: GeoChat without fine-tuning 12.9 / 3.2, GPT-4V 5.1 / 1.1,
# GeoChat fine-tuned 49.8 / 19.9. Nothing for RSVG-ZeroOV.
#
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" vrsbench val "vrsbench honest" "paper fast qwen-sam" "$@"
