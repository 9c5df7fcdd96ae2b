# First the head, then the list of settings.

function name_of(line) {
	sub(/^#/, "", line)
	return substr(line, 1, index(line, "=") - 1)
}

# A comment of any length as comments of at most 99 columns.
function print_wrapped(    i, line) {
	line = $1
	for (i = 2; i <= NF; i++) {
		if (length(line) + length($i) + 1 > 99) {
			print line
			line = "#"
		}
		line = line " " $i
	}
	print line
}

FNR == NR && (/^#/ || NF == 0) { print; next }
FNR == NR { chosen[name_of($0)] = $0; next }

# An active line or one that is commented out, not a comment of words.
/^#?[a-z.]+=/ {
	name = name_of($0)
	print (name in chosen) ? chosen[name] : /^#/ ? $0 : "#" $0
	delete chosen[name]
	next
}
{ print_wrapped() }

END {
	for (name in chosen) {
		print "there is no setting " name > "/dev/stderr"
		exit 1
	}
}
