#!/bin/sh
# Runs a Python script of the project with the private environment's Python: with_python.sh SCRIPT [ARGUMENT]…
# Exit code 77 (skipped) where that environment is missing.
python=${INGOT_CACHE:-$(dirname -- "$0")/../../.cache}/python/bin/python
if [ ! -x "$python" ]; then
  echo "skipped: there is no $python; ./test makes this private environment"
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$python" "$@"
