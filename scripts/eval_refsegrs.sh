#!/usr/bin/env bash
# RefSegRS: test split, 1,817 expressions. Masks are semantic ("all vehicles"): one referent is not their question, so
# low figures are expected of a method that finds one object. Nothing is published for RSVG-ZeroOV.
#
# How to call it, and what tolerance means: run_benchmark.sh.
exec bash "$(dirname "$0")/run_benchmark.sh" refsegrs test "lavt rrsis honest" "paper fast" "$@"
