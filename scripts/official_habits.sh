#!/usr/bin/env bash
# Turns --image_path X --question Y into the two positional arguments of a zeroov command; passes on the rest.
# Usage: official_habits.sh overview|focus [--image_path FILE] [--question TEXT] [options of the command]
set -euo pipefail
command=$1
shift
image='' question='' rest=()
while (($#)); do
  case $1 in
    --image_path | --question)
      if (($# < 2)); then
        echo "error: $1 needs a value" >&2
        exit 2
      fi
      if [[ $1 == --image_path ]]; then image=$2; else question=$2; fi
      shift 2
      ;;
    --image_path=*) image=${1#*=}; shift ;;
    --question=*) question=${1#*=}; shift ;;
    *) rest+=("$1"); shift ;;
  esac
done
source "$(dirname "$0")/find_zeroov.sh"
positional=()
if [[ -n $image ]]; then positional+=("$image"); fi
if [[ -n $question ]]; then positional+=("$question"); fi
exec $zeroov "$command" ${rest[@]+"${rest[@]}"} -- ${positional[@]+"${positional[@]}"}
