# Sourced by the other scripts: the command `$zeroov`, with or without an activated environment. It is $ZEROOV where that
# is set, e.g. "python -m zeroov"; else the zeroov of this checkout's .venv, where there is one; else that of the PATH.
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ -x $checkout/.venv/bin/zeroov ]]; then PATH=$checkout/.venv/bin:$PATH; fi
zeroov=${ZEROOV:-zeroov}
if ! command -v "${zeroov%% *}" >/dev/null; then
  echo "error: there is no command \`${zeroov%% *}\`; \`make install\` makes $checkout/.venv and the command in it, or set ZEROOV" >&2
  exit 127
fi
