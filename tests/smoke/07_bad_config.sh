#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Configurations that are broken, endless or greedy: each is refused with words that say what and where, by
# check, apply and leatd --check alike, and the daemon lives on.
. "$(dirname "$0")/../lib/smoke.sh"
ASAN_OPTIONS+=:fast_unwind_on_malloc=1 # millions of allocations

leatd_start - <<<'return {}'
config=$(leat show config --json)

refused() { # WORDS, the file's text on stdin
	local words=$1 how status text
	cat >"$T/bad.lua"
	for how in "$LEAT -r $RUN check" "$LEAT -r $RUN apply" "$LEATD --check"; do
		status=0
		text=$(timeout 30 $how "$T/bad.lua" 2>&1) || status=$?
		expect_eq "$status" 1 "exit status of $how for: $(head -c 200 "$T/bad.lua"): $text"
		grep -qiE "$words" <<<"$text" || fail "$how of '$(head -c 200 "$T/bad.lua")' does not say '$words': $text"
	done
}

refused 'bad\.lua:2: ' < <(printf 'local a = 1\nreturn { ports = = }\n')
refused 'bad\.lua:3: .*boom' < <(printf '\n\nerror("boom")\n')
refused 'bad\.lua:1: .*nil value' <<<'return { ports = { a = { device = nothing.here } } }'
refused 'instruction|budget|too long|endless' <<<'while true do end'
refused 'instruction|budget|too long|endless' <<<'local function f() return f() end return f()'
refused 'instruction|budget|too long|endless' <<<'while true do pcall(function() while true do end end) end'
refused 'instruction|budget|too long|endless|memory' <<<'return { x = ("a"):rep(100):find(("a?"):rep(100) .. ("a"):rep(100)) , string.rep("a", 1e6):find(string.rep(".-", 1000) .. "b") }'
slow=${LEAT_SANITIZE:+|too long} # a sanitizer's allocator may take longer than the time that there is
refused "memory$slow" <<<'local t = {} while true do t[#t + 1] = ("x"):rep(1000000) .. #t end'
refused 'memory' <<<'return { x = ("x"):rep(1 << 40) }'
refused 'stack overflow' <<<'local function f() return 1 + f() end return f()'
refused 'depth|deep|nest' <<<'local t = {} local r = t for i = 1, 10000 do t.a = {} t = t.a end return { ports = r }'
refused 'cycl|itself|recurs|deep|nest' <<<'local t = {} t.ports = t return t'
refused 'nil value' <<<'return { ports = { a = { device = io.open("/etc/passwd"):read() } } }'
refused 'nil value' <<<'os.execute("true") return {}'
refused 'nil value|not' <<<'return { ports = { a = { device = load("return 1")() } } }'
refused 'require|not in|no such|module' <<<'return require "../../etc/passwd"'
refused 'table|return' <<<'return 3'
refused 'table|return' <<<'local x = 1'
refused 'text|binary|bytecode' < <(printf '\033LuaS')
refused 'text|binary|utf|unexpected|syntax|bad\.lua:1' < <(head -c 4096 /dev/urandom | tr -d '\0')

status=0
text=$(leat apply "$T/none.lua" 2>&1) || status=$?
expect_eq "$status" 1 "exit status for a file that is not there"
grep -q 'none\.lua' <<<"$text" || fail "the message does not name the file: $text"
expect_eq "$(leat show config --json)" "$config" "the configuration after all that"
echo 'return { switches = { s = {} } }' >"$T/good.lua"
refused 'routers.r.routes.*is on no subnet' <<<'return { routers = { r = { routes = { ["0.0.0.0/0"] = { via = "10.0.0.1" } } } } }'
expect "leat check '$T/good.lua'"
status=0
"$LEAT" -r "$T/nobody" show ports >/dev/null 2>&1 || status=$?
expect_eq "$status" 2 "exit status without a daemon"
