#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# bash completion as bash drives it, without a terminal. TAP on stdout.
# usage: completion_test.sh LEAT SOURCE-DIR
# shellcheck disable=SC2154,SC2001 # coproc sets daemon_PID
set -u
leat=$(realpath "$1") here=$2
dir=$(mktemp -d)
trap 'kill "${daemon_PID-}" 2>/dev/null; rm -rf "$dir"' EXIT
export LEAT_RUN_DIR=$dir
PATH=${leat%/*}:$PATH
n=0
# shellcheck source=completion/leat.bash
. "$here/completion/leat.bash"
compopt() { # there is no completion under way that it could change
	options+=" $2"
}

# check NAME LINE CANDIDATE...: what is offered at the end of LINE, sorted.
check() {
	local name=$1 want got
	COMP_LINE=$2
	shift 2
	COMP_POINT=${#COMP_LINE}
	options=
	# bash splits at COMP_WORDBREAKS: blanks, and = and : as words of their own.
	read -ra COMP_WORDS <<<"$(sed 's/[=:]/ & /g' <<<"$COMP_LINE")"
	[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	case ${COMP_WORDS[COMP_CWORD]} in
	[=:]) COMP_WORDS[COMP_CWORD]= ;;
	esac
	COMPREPLY=()
	_leat
	want=$(printf '%s\n' "$@" | sort -u)
	got=$(printf '%s\n' "${COMPREPLY[@]+"${COMPREPLY[@]}"}" | sort -u)
	n=$((n + 1))
	if [[ $got == "$want" ]]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		printf '%s\n' "--- got" "$got" "--- wanted" "$want" | sed 's/^/# /'
	fi
}

check 'offline: verbs' 'leat co' confirm
check 'offline: options' 'leat apply --c' --confirm --comment
check 'offline: nothing where only the daemon knows' 'leat show po' ''

coproc daemon { exec "$here/fake_leatd.py" "$dir"; }
read -r _ <&"${daemon[0]}"

check 'verbs of the daemon' 'leat d' diff drain
check 'nouns' 'leat show ' config ports
check 'keys of rows' 'leat show ports l' lan
check 'columns when there is no row' 'leat show fdb ' mac= vlan=
check 'columns' 'leat show ports lan r' rx_packets=
check 'values of a column' 'leat show ports driver=' af_packet tap
check 'config sections' 'leat set ' ports. routers. switches.
check 'config keys' 'leat set ports.' ports.lan. ports.wan.
check 'fields that are not set yet' 'leat set ports.lan.' ports.lan.device ports.lan.mtu ports.lan.promiscuous
check 'a value: bool' 'leat set ports.lan.promiscuous ' true false
check 'a value: enum' 'leat set switches.office.mode b' bridged
check 'a value: reference' 'leat set switches.office.mirror ' lan wan
check 'unset: only what is there' 'leat unset ports.lan.' ports.lan.device ports.lan.mtu
check 'unset: an object and what is in it' 'leat unset ports.l' ports.lan ports.lan.
check 'keys that need quotes' 'leat set routers.main.routes.' 'routers.main.routes.\[\"0.0.0.0/0\"\].'
check 'quoted keys, once typed' 'leat set routers.main.routes.\[\"0.0.0.0/0\"\].' 'routers.main.routes.\[\"0.0.0.0/0\"\].via'
check 'show config PATH' 'leat show config sw' switches switches.
check 'nouns of a verb' 'leat flush ' fdb sessions
check 'arguments of a verb' 'leat flush fdb ' static= switch= vlan=
check 'values of an argument' 'leat flush fdb switch=' office
check 'ports for -p' 'leat capture -p ' lan wan
check 'the run folder on the line counts' "leat -r $dir show p" ports
check 'revisions' 'leat rollback ' 7 8
check 'topics of help' 'leat help p' ports
touch "$dir/office.lua" "$dir/other.txt"
cd "$dir" || exit 1
check 'names of files' 'leat apply o' office.lua other.txt
check 'a file behind an option' 'leat capture -w off' office.lua
check 'a beginning gets no blank' 'leat set po' ports.
n=$((n + 1))
[[ $options == *nospace* ]] && echo "ok $n - nospace is asked for" || echo "not ok $n - nospace is asked for"
echo "1..$n"
