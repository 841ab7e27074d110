#!/usr/bin/env bash
# Stage 2 for people who come from the official repository: bash generate_diffusion.sh --image_path photo.jpg --question "..."
# Everything else is passed on to `zeroov focus` (see `zeroov focus --help`).
exec bash "$(dirname "$0")/scripts/official_habits.sh" focus "$@"
