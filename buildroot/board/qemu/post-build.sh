#!/bin/sh
# A partition for the ring beside a root that is read only: the second disk, mounted before the start files run.
set -eu

mkdir -p "$TARGET_DIR/data"
grep -q '/data' "$TARGET_DIR/etc/fstab" ||
	printf '/dev/vdb\t/data\text4\tdefaults,noatime,nofail\t0\t0\n' >> "$TARGET_DIR/etc/fstab"
