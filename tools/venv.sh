#!/usr/bin/env bash
# usage: venv.sh PYTHON FOLDER - make a virtual environment; on Debian, fetch the package that it needs
set -eu
python=$1 folder=$2

if ! command -v "$python" >/dev/null; then
    echo "there is no '$python': install Python 3.11 or later, or say which with 'make PYTHON=...'" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "remaptrace needs Python 3.11 or later; '$python' is $("$python" -V 2>&1). Try 'make PYTHON=python3.11'" >&2
    exit 1
fi
# Debian ships venv and ensurepip apart from python3.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $package" >&2
        apt-get install -y -qq "$package" >/dev/null || { apt-get update -qq && apt-get install -y -qq "$package" >/dev/null; }
    else
        echo "Python's venv module is not complete here. Run: sudo apt-get install $package" >&2
        exit 1
    fi
fi
"$python" -m venv "$folder"
