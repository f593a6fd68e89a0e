#!/bin/sh
# Fetch Debian's cloud kernels for `remaptrace verify --in` and the tests of it: about 27 MB each.
#
#   tools/fetch-kernels.sh [FOLDER] [VERSION...]
#
# FOLDER (default: kernels, which git ignores) gets vmlinuz-RELEASE and config-RELEASE of the newest cloud
# kernel of each VERSION (default: 6.1 6.12) that this machine's package sources have. Needs apt and dpkg-deb;
# nothing is installed.
set -eu
folder=${1:-kernels}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 6.1 6.12
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
missing=0
for version in "$@"; do
	package=$(apt-cache pkgnames "linux-image-$version" | grep -E "^linux-image-$version\.[0-9.]+[-+].*cloud-amd64-unsigned$" |
		sort -V | tail -n 1)
	if [ -z "$package" ]; then
		echo "no cloud kernel of $version in the package sources" >&2
		missing=1
		continue
	fi
	(cd "$work" && apt-get download "$package" >/dev/null)
	dpkg-deb -x "$work/$package"_*.deb "$work/$package"
	cp "$work/$package"/boot/vmlinuz-* "$work/$package"/boot/config-* "$folder"/
	rm -rf "$work/$package" "$work/$package"_*.deb
	ls "$folder"/vmlinuz-"$version"*
done
exit $missing
