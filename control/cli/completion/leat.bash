# SPDX-License-Identifier: BSD-3-Clause
# bash completion of leat: `leat __complete LINE` says what fits (control/cli/cmd_complete.c).

_leat() {
	local line=${COMP_LINE:0:COMP_POINT} cur=${COMP_WORDS[COMP_CWORD]} answer marks candidate cut
	# The command as it was typed, so that ./leat asks itself.
	answer=$("${COMP_WORDS[0]}" __complete -- "$line" 2>/dev/null) || return
	marks=${answer%%$'\n'*}
	COMPREPLY=()
	# bash splits words at = and :, too: of a candidate only what follows the last of them in the typed word
	# may be inserted.
	local typed=${line##*[[:space:]]}
	cut=${typed%"${typed##*[=:]}"}
	[[ $cur == "$typed" ]] && cut=
	while IFS= read -r candidate; do
		[[ -n $candidate ]] || continue
		[[ $candidate == *[!A-Za-z0-9_.,:=/@%+-]* ]] && printf -v candidate %q "$candidate"
		COMPREPLY+=("${candidate#"$cut"}")
	done <<<"${answer#"$marks"}"
	if [[ $marks == *files* ]]; then
		compopt -o filenames 2>/dev/null
		while IFS= read -r candidate; do
			COMPREPLY+=("$candidate")
		done < <(compgen -f -- "$cur")
	fi
	if [[ $marks == *nospace* ]]; then
		compopt -o nospace 2>/dev/null
	fi
	return 0
}

complete -F _leat leat
