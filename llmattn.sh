#!/usr/bin/env bash
# Stage 1 for people who come from the official repository: bash llmattn.sh --image_path photo.jpg --question "..."
# Everything else is passed on to `zeroov overview` (see `zeroov overview --help`).
exec bash "$(dirname "$0")/scripts/official_habits.sh" overview "$@"
