#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# smoke: timeout 240
# make install DESTDIR=: what a package would hold is there, is in its place, and runs from there, whatever PREFIX the
# last `make install` gave to the build.
. "$(dirname "$0")/../lib/smoke.sh"

DESTDIR=$T/root meson install -C "$BUILD" --no-rebuild --quiet >"$T/install.log" 2>&1 || fail "meson install"
at=$(meson introspect "$BUILD" --buildoptions | jq -r '.[] | select(.name == "prefix") | .value')
prefix=$T/root$at
for program in sbin/leatd bin/leat; do
	[ -x "$prefix/$program" ] || fail "no $program: $(cd "$T/root" && find . -type f)"
done
outside=$(cd "$T/root" && find . -type f -not -path ".$at/*" -not -path './usr/*' -not -path './etc/*' -not -path './lib/*')
expect_eq "$outside" "" "files outside of $at, usr, etc and lib"

man=$(find "$T/root" -path '*/man/man*' -type f)
for page in leat.1 leatd.8; do
	grep -q "/$page" <<<"$man" || fail "no manual page $page: $man"
done
while read -r page; do
	expect_eq "$(man --warnings -l "$page" 2>&1 >/dev/null)" "" "warnings of $page"
done <<<"$man"

for file in man/man5/leat.lua.5 doc/leat/{LICENSE,guide.md,reference.md,openapi.json,examples/demo.lua} leat/leat.lua; do
	[ -s "$prefix/share/$file" ] || fail "no share/$file"
done
expect "luac5.4 -p '$prefix/share/leat/leat.lua'"

completion=$(find "$T/root" -path '*bash-completion/completions/leat')
[ -n "$completion" ] || fail "no bash completion"
expect "bash -n '$completion'"
unit=$(find "$T/root" -name 'leatd.service')
[ -n "$unit" ] || fail "no systemd unit"
expect "grep -qx 'g leat -' '$prefix/lib/sysusers.d/leat.conf'" "the group of the socket"
if command -v systemd-analyze >/dev/null; then
	sed "s|=$at/|=$prefix/|" "$unit" >"$T/leatd.service"
	expect_eq "$(systemd-analyze verify --man=no "$T/leatd.service" 2>&1)" "" "what systemd says of the unit"
fi
expect_eq "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")" "$at/sbin/leatd" "the unit starts"

LEATD=$prefix/sbin/leatd LEAT=$prefix/bin/leat
leatd_start - <<<'return {}'
expect "leat show system"
if ldd "$LEAT" | grep -E 'librte|liblua'; then fail "the client links DPDK or Lua"; fi
[ -n "${LEAT_SANITIZE-}" ] || expect "ldd '$LEATD' | grep libjemalloc" "the control side allocates by jemalloc"
