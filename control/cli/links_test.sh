#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What makes the client start in milliseconds: few libraries, and little work before the first request. Counted,
# not timed. TAP on stdout. usage: links_test.sh LEAT SOURCE-DIR
set -u
leat=$1
allowed='linux-vdso ld-linux-x86-64 libc libm libjansson libncurses libtinfo'
sanitizers='libasan libubsan liblsan libtsan libgcc_s libstdc++ libdl libpthread librt libresolv'
linked=$(ldd "$leat" | sed 's/^[[:space:]]*//; s|^.*/||; s/[[:space:]].*//; s/\.so.*//; /^$/d')
strange=
for library in $linked; do
	[[ " $allowed $sanitizers " == *" $library "* ]] || strange+=" $library"
done
if [[ -z $strange ]]; then
	echo 'ok 1 - it links only what it needs'
else
	echo "not ok 1 - it links only what it needs"
	echo "# besides:$strange"
fi

# System calls of `leat version` without a daemon: a new library, locale or file at start-up shows here.
if [[ $linked == *asan* ]] || ! calls=$(strace -f -o /dev/stdout "$leat" -r /nonexistent version 2>/dev/null | grep -c '('); then
	echo 'ok 2 - it starts with few system calls # SKIP no strace, or a sanitizer build'
elif ((calls <= 120)); then
	echo "ok 2 - it starts with few system calls ($calls)"
else
	echo "not ok 2 - it starts with few system calls"
	echo "# $calls, wanted at most 120"
fi
echo '1..2'
